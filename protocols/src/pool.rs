//! A party's preprocessed inferences on disk: made ahead of time, each used once.
//!
//! An item is a file of this party's folder, for this user alone. It is written under another name, synced, and only then
//! offered, so a file that is offered is whole. Claiming an item renames it, syncs the folder and unlinks the file before
//! anything of it is used: no other thread or process can claim it too, and after a crash or a loss of power it is never
//! offered again. What a crash leaves half written or claimed is removed when the folder is next opened.
//!
//! ```text
//! magic  owner  plan's SHA-256  weights' SHA-256  pair | the inference | XXH3 of the name and all before
//! ```
//!
//! The head says what the item is good for: it is refused for another party, plan, network or pair of parties. The checksum
//! finds what a disk or a stray hand changed, before anything that was read is used. Who can write the file on purpose could as
//! well read it, and is not kept out.

use crate::Error;
use crate::plan::Plan;
use crate::saved::Saving;
use crate::secrets::ServerSecrets;
use crate::service::ItemId;
use std::collections::{HashSet, VecDeque};
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};
use xxhash_rust::xxh3::Xxh3;

/// First bytes of an item: what it is, and the format's version.
const MAGIC: [u8; 8] = *b"linitem\x02";

/// The parts of a head: what each is, and its bytes.
const HEAD: [(&str, usize); 5] = [
    ("kind of file", MAGIC.len()),
    ("party", 1),
    ("plan", 32),
    ("weights", 32),
    ("pair of parties", PAIR_BYTES),
];

/// Bytes of the name of a pair of parties.
pub const PAIR_BYTES: usize = 16;

/// Bytes of an item's checksum.
const CHECKSUM_BYTES: usize = 16;

/// Endings of the names of files: being written, on offer, claimed.
const BEGUN: &str = "new";
const OFFERED: &str = "item";
const CLAIMED: &str = "used";

/// Whose items a pool holds.
#[derive(Clone, Copy)]
pub enum Owner<'a> {
    /// [`crate::client::ClientReady`]s.
    Client,
    /// [`crate::server::ServerReady`]s of these weights.
    Server(&'a ServerSecrets),
}

impl Owner<'_> {
    /// The first bytes of each of this owner's items.
    fn head(self, plan: &Plan, pair: [u8; PAIR_BYTES]) -> Vec<u8> {
        let (code, weights) = match self {
            Self::Client => (1, [0; 32]),
            Self::Server(secrets) => (2, secrets.digest()),
        };
        [&MAGIC[..], &[code], &plan.digest_bytes(), &weights, &pair].concat()
    }
}

/// A folder of items of one party, one plan and one other party.
pub struct Pool {
    folder: PathBuf,
    head: Vec<u8>,
    list: Mutex<List>,
    /// An item was offered.
    more: Condvar,
    /// The folder, locked against other processes.
    directory: File,
}

/// Names of items.
#[derive(Default)]
struct List {
    /// On offer, the oldest first.
    offered: VecDeque<ItemId>,
    /// To be offered soon.
    expected: HashSet<ItemId>,
}

/// An item that nobody else can have.
pub struct Claimed {
    /// What is left of the file before its checksum.
    file: io::Take<BufReader<File>>,
    /// Of what was read.
    sum: Xxh3,
    path: PathBuf,
}

/// Writes through, and sums up what it wrote.
struct Summing<W> {
    to: W,
    sum: Xxh3,
}

impl<W: Write> Write for Summing<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.to.write(bytes)?;
        self.sum.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

/// The checksum's beginning: an item is good under its own name alone.
fn sum_of(id: ItemId) -> Xxh3 {
    let mut sum = Xxh3::new();
    sum.update(&id.0);
    sum
}

impl Pool {
    /// Opens the folder of `owner`'s items of `plan`, or makes it, and removes what a crash left behind. Both parties of a
    /// `pair` give it the same name.
    ///
    /// # Errors
    /// [`Error::Store`] where the disk refuses or another process has it open; [`Error::Config`] if an item is for another
    /// party, plan, network or pair.
    pub fn open(folder: &Path, owner: Owner<'_>, plan: &Plan, pair: [u8; PAIR_BYTES]) -> Result<Self, Error> {
        let doing = |what: &str| format!("{what} {}", folder.display());
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)
            .map_err(failed(doing("making the pool")))?;
        let lock = File::open(folder).map_err(failed(doing("opening the pool")))?;
        lock.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => failed(doing("opening the pool"))(io::Error::other(
                "expected a pool that no other process has open, found one in use",
            )),
            TryLockError::Error(source) => failed(doing("locking the pool"))(source),
        })?;
        let head = owner.head(plan, pair);
        let mut found = Vec::new();
        for entry in fs::read_dir(folder).map_err(failed(doing("listing the pool")))? {
            let path = entry.map_err(failed(doing("listing the pool")))?.path();
            let id = path.file_stem().and_then(|stem| ItemId::parse(stem.to_str()?));
            match (id, path.extension().and_then(|ending| ending.to_str())) {
                (Some(id), Some(OFFERED)) => {
                    Claimed::open(path.clone(), id)?.check(&head)?;
                    let made = fs::metadata(&path).and_then(|data| data.modified());
                    found.push((made.map_err(failed(doing("listing the pool")))?, id));
                }
                (Some(_), Some(BEGUN | CLAIMED)) => {
                    fs::remove_file(&path).map_err(failed(format!("removing {}", path.display())))?;
                }
                _ => {} // Not ours.
            }
        }
        found.sort();
        let offered = found.into_iter().map(|(_, id)| id).collect();
        let list = Mutex::new(List { offered, ..List::default() });
        Ok(Self { folder: folder.to_owned(), head, list, more: Condvar::new(), directory: lock })
    }

    /// Offers the item that `save` writes. Returns when it was offered, and how many are then.
    ///
    /// # Errors
    /// [`Error::Store`]: the disk refused, and nothing is offered.
    pub fn put(
        &self,
        id: ItemId,
        save: impl FnOnce(&mut dyn Write) -> Result<(), Error>,
    ) -> Result<(Instant, usize), Error> {
        let begun = self.path(id, BEGUN);
        let writing = || format!("writing {}", begun.display());
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&begun);
        let file = BufWriter::with_capacity(1 << 20, file.map_err(failed(writing()))?);
        let mut file = Summing { to: file, sum: sum_of(id) };
        let written = Saving::to(&mut file).bytes(&self.head).and_then(|()| save(&mut file)).and_then(|()| {
            let Summing { to: mut file, sum } = file;
            file.write_all(&sum.digest128().to_le_bytes()).map_err(failed(writing()))?;
            let file = file.into_inner().map_err(|error| failed(writing())(error.into_error()))?;
            file.sync_data().map_err(failed(writing()))?;
            fs::rename(&begun, self.path(id, OFFERED)).map_err(failed(writing()))
        });
        if written.is_err() {
            let _ = fs::remove_file(&begun); // The first error is the one to tell.
        }
        written?;
        self.sync()?;
        let mut list = self.list();
        list.expected.remove(&id);
        list.offered.push_back(id);
        let offered = (Instant::now(), list.offered.len());
        drop(list);
        self.more.notify_all();
        Ok(offered)
    }

    /// Lets [`Pool::claim`] wait for an item that is being made.
    pub fn expect(&self, id: ItemId) {
        self.list().expected.insert(id);
    }

    /// Items on offer.
    pub fn level(&self) -> usize {
        self.list().offered.len()
    }

    /// The names of the items on offer, the oldest first.
    pub fn offered(&self) -> Vec<ItemId> {
        self.list().offered.iter().copied().collect()
    }

    /// Claims the oldest item, and waits for one until `deadline` where there is none; `None` if none came.
    ///
    /// # Errors
    /// [`Error::Store`], [`Error::Config`]: the item is damaged, and gone.
    pub fn claim_next(&self, deadline: Instant) -> Result<Option<(ItemId, Claimed)>, Error> {
        let mut list = self.list();
        loop {
            if let Some(id) = list.offered.pop_front() {
                drop(list);
                return Ok(Some((id, self.take(id)?)));
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left == Duration::ZERO {
                return Ok(None);
            }
            list = self.more.wait_timeout(list, left).expect("no holder of the list panics").0;
        }
    }

    /// Claims the item of this name, and waits for it until `deadline` if it is expected; `None` if it is not on offer.
    ///
    /// # Errors
    /// As [`Pool::claim_next`].
    pub fn claim(&self, id: ItemId, deadline: Instant) -> Result<Option<Claimed>, Error> {
        let mut list = self.list();
        loop {
            if let Some(at) = list.offered.iter().position(|other| *other == id) {
                list.offered.remove(at);
                drop(list);
                return self.take(id).map(Some);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left == Duration::ZERO || !list.expected.contains(&id) {
                return Ok(None);
            }
            list = self.more.wait_timeout(list, left).expect("no holder of the list panics").0;
        }
    }

    /// Takes a file that is no longer on the list out of the folder.
    fn take(&self, id: ItemId) -> Result<Claimed, Error> {
        let (offered, claimed) = (self.path(id, OFFERED), self.path(id, CLAIMED));
        let claiming = || format!("claiming {}", offered.display());
        fs::rename(&offered, &claimed).map_err(failed(claiming()))?;
        let mut item = Claimed::open(claimed.clone(), id)?;
        fs::remove_file(&claimed).map_err(failed(claiming()))?;
        self.sync()?;
        item.check(&self.head)?;
        Ok(item)
    }

    fn path(&self, id: ItemId, ending: &str) -> PathBuf {
        self.folder.join(format!("{id}.{ending}"))
    }

    /// Waits until the folder's names are on the disk.
    fn sync(&self) -> Result<(), Error> {
        self.directory.sync_all().map_err(failed(format!("syncing {}", self.folder.display())))
    }

    fn list(&self) -> MutexGuard<'_, List> {
        self.list.lock().expect("no holder of the list panics")
    }
}

impl Claimed {
    fn open(path: PathBuf, id: ItemId) -> Result<Self, Error> {
        let opened = File::open(&path).and_then(|file| Ok((file.metadata()?.len(), file)));
        let (bytes, file) = opened.map_err(failed(format!("opening {}", path.display())))?;
        let file = BufReader::with_capacity(1 << 20, file);
        Ok(Self { file: file.take(bytes.saturating_sub(CHECKSUM_BYTES as u64)), sum: sum_of(id), path })
    }

    /// Reads the item's head.
    fn check(&mut self, head: &[u8]) -> Result<(), Error> {
        let mut found = vec![0; head.len()];
        let doing = format!("reading the head of {}", self.path.display());
        self.read_exact(&mut found).map_err(failed(doing))?;
        let mut at = 0;
        for (what, bytes) in HEAD {
            let [expected, found] = [head, &found].map(|head| &head[at..at + bytes]);
            if found != expected {
                let [expected, found] =
                    [expected, found].map(|bytes| format!("{:02x?}..", &bytes[..bytes.len().min(8)]));
                return Err(Error::config(self.path.display().to_string(), what, expected, found));
            }
            at += bytes;
        }
        Ok(())
    }

    /// Reads the item by `load`, and gives it away if it is as it was written.
    ///
    /// # Errors
    /// Those of `load`; [`Error::Config`] where the checksum differs.
    pub fn read<T>(mut self, load: impl FnOnce(&mut dyn Read) -> Result<T, Error>) -> Result<T, Error> {
        let loaded = load(&mut self)?;
        let doing = || format!("reading {}", self.path.display());
        let (mut rest, mut checksum) = (self.file, [0; CHECKSUM_BYTES]);
        if rest.limit() > 0 {
            let found = format!("{} bytes more", rest.limit());
            return Err(Error::config(self.path.display().to_string(), "length", "an inference", found));
        }
        rest.get_mut().read_exact(&mut checksum).map_err(failed(doing()))?;
        let (expected, found) = (u128::from_le_bytes(checksum), self.sum.digest128());
        if expected != found {
            let [expected, found] = [expected, found].map(|sum| format!("{sum:032x}"));
            return Err(Error::config(self.path.display().to_string(), "checksum", expected, found));
        }
        Ok(loaded)
    }
}

impl Read for Claimed {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(bytes)?;
        self.sum.update(&bytes[..read]);
        Ok(read)
    }
}

fn failed(doing: impl Into<String>) -> impl FnOnce(io::Error) -> Error {
    let doing = doing.into();
    move |source| Error::Store { doing, source }
}

#[cfg(test)]
mod tests;
