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
mod tests {
    use super::*;
    use crate::he::{HeBackend, HeParameters};
    use crate::plan::PROTOCOL_VERSION;
    use models::fixed::Ring;
    use models::fixed::linear::IntegerWeights;
    use models::graph::Shape;

    fn plan(name: &str) -> Plan {
        Plan {
            version: PROTOCOL_VERSION,
            name: name.into(),
            ring: Ring::new(20).unwrap(),
            image_scale: 6,
            input: Shape::new(3, 32, 32),
            he: HeParameters {
                backend: HeBackend::Linnet,
                degree: 4096,
                modulus_bits: vec![50, 50],
                plain_bits: 20,
            },
            steps: vec![],
        }
    }

    const PAIR: [u8; PAIR_BYTES] = [5; PAIR_BYTES];

    fn open(folder: &Path) -> Pool {
        Pool::open(folder, Owner::Client, &plan("a"), PAIR).unwrap()
    }

    fn secrets(weight: i32) -> ServerSecrets {
        let weights = IntegerWeights { kernels: vec![vec![weight]], bias: vec![] };
        ServerSecrets { weights: vec![Some(weights)] }
    }

    fn put(pool: &Pool, id: u8) {
        pool.put(ItemId([id; 16]), |file| Saving::to(file).bytes(&[id; 3])).unwrap();
    }

    fn content(item: Claimed) -> Vec<u8> {
        item.read(|file| {
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes).map_err(failed("reading"))?;
            Ok(bytes)
        })
        .unwrap()
    }

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn an_item_is_had_once_and_outlives_the_process_until_then() {
        let temp = tempfile::tempdir().unwrap();
        let folder = temp.path().join("pool");
        let pool = open(&folder);
        (1..=3).for_each(|id| put(&pool, id));
        let soon = Instant::now();
        let (id, item) = pool.claim_next(soon).unwrap().unwrap();
        assert_eq!((id, content(item)), (ItemId([1; 16]), vec![1; 3]));
        assert!(pool.claim(id, soon).unwrap().is_none());
        drop(pool);
        let pool = open(&folder);
        assert_eq!(pool.offered(), [ItemId([2; 16]), ItemId([3; 16])]);
        assert_eq!(content(pool.claim(ItemId([3; 16]), soon).unwrap().unwrap()), [3; 3]);
        assert_eq!((pool.level(), names(&folder).len()), (1, 1));
        let mode = std::os::unix::fs::PermissionsExt::mode(&fs::metadata(&folder).unwrap().permissions());
        assert_eq!(mode & 0o777, 0o700);
    }

    /// Whatever moment a process ends at, it leaves one of these names.
    #[test]
    fn what_a_crash_leaves_half_written_or_claimed_is_never_offered() {
        let temp = tempfile::tempdir().unwrap();
        let pool = open(temp.path());
        (1..=3).for_each(|id| put(&pool, id));
        drop(pool);
        let path = |id: u8, ending: &str| temp.path().join(format!("{}.{ending}", ItemId([id; 16])));
        fs::rename(path(1, OFFERED), path(1, CLAIMED)).unwrap();
        fs::rename(path(2, OFFERED), path(2, BEGUN)).unwrap();
        let pool = open(temp.path());
        assert_eq!(pool.offered(), [ItemId([3; 16])]);
        assert_eq!(names(temp.path()), [format!("{}.{OFFERED}", ItemId([3; 16]))]);
    }

    #[test]
    fn a_failure_to_write_offers_nothing() {
        let temp = tempfile::tempdir().unwrap();
        let pool = open(temp.path());
        let refused = || Error::config("a", "b", "c", "d");
        assert!(pool.put(ItemId([1; 16]), |_| Err(refused())).is_err());
        assert_eq!((pool.level(), names(temp.path()).len()), (0, 0));
    }

    #[test]
    fn items_for_others_are_refused_by_what_differs() {
        let temp = tempfile::tempdir().unwrap();
        let pool = open(temp.path());
        put(&pool, 1);
        let refusal = |owner: Owner<'_>, name, pair| {
            Pool::open(temp.path(), owner, &plan(name), pair).err().unwrap().to_string()
        };
        let again = refusal(Owner::Client, "a", PAIR);
        assert!(again.contains("found one in use"), "{again}");
        drop(pool);
        let none = secrets(0);
        for (owner, name, pair, what) in [
            (Owner::Server(&none), "a", PAIR, "party"),
            (Owner::Client, "b", PAIR, "plan"),
            (Owner::Client, "a", [6; PAIR_BYTES], "pair of parties"),
        ] {
            let error = refusal(owner, name, pair);
            assert!(error.contains(&format!("{what}: expected")), "{error}");
        }
        let item = temp.path().join(format!("{}.{OFFERED}", ItemId([1; 16])));
        fs::write(&item, "short").unwrap();
        let error = refusal(Owner::Client, "a", PAIR);
        assert!(error.contains("reading the head"), "{error}");
    }

    #[test]
    fn items_of_other_weights_are_refused() {
        let temp = tempfile::tempdir().unwrap();
        put(&Pool::open(temp.path(), Owner::Server(&secrets(1)), &plan("a"), PAIR).unwrap(), 1);
        let other = Pool::open(temp.path(), Owner::Server(&secrets(2)), &plan("a"), PAIR).err().unwrap();
        assert!(other.to_string().contains("weights: expected"), "{other}");
        assert_eq!(Pool::open(temp.path(), Owner::Server(&secrets(1)), &plan("a"), PAIR).unwrap().level(), 1);
    }

    /// Any byte, a byte more or less, and another item's content under this name.
    #[test]
    fn a_changed_item_is_never_given_away() {
        let temp = tempfile::tempdir().unwrap();
        let path = |id: u8| temp.path().join(format!("{}.{OFFERED}", ItemId([id; 16])));
        let pool = open(temp.path());
        put(&pool, 1);
        put(&pool, 2);
        let (whole, other) = (fs::read(path(1)).unwrap(), fs::read(path(2)).unwrap());
        drop(pool);
        let changed = (0..whole.len()).map(|at| {
            let mut bytes = whole.clone();
            bytes[at] ^= 1;
            bytes
        });
        let short = whole[..whole.len() - 1].to_vec();
        let all: Vec<Vec<u8>> = changed.chain([short, [&whole[..], &[0]].concat(), other]).collect();
        for bytes in all {
            fs::write(path(1), bytes).unwrap();
            let refused = Pool::open(temp.path(), Owner::Client, &plan("a"), PAIR).and_then(|pool| {
                let item = pool.claim(ItemId([1; 16]), Instant::now())?.expect("it is on offer");
                item.read(|file| file.read_exact(&mut [0; 3]).map_err(failed("reading")))
            });
            assert!(matches!(refused, Err(Error::Config { .. } | Error::Store { .. })), "{refused:?}");
        }
    }

    /// Threads that claim at once share the items out among them.
    #[test]
    fn threads_never_get_the_same_item() {
        let temp = tempfile::tempdir().unwrap();
        let pool = open(temp.path());
        (0..20).for_each(|id| put(&pool, id));
        let claim = || {
            let mut mine = Vec::new();
            while let Some((id, _)) = pool.claim_next(Instant::now()).unwrap() {
                mine.push(id);
            }
            mine
        };
        let mut all: Vec<ItemId> = std::thread::scope(|scope| {
            let claimers: Vec<_> = (0..4).map(|_| scope.spawn(claim)).collect();
            claimers.into_iter().flat_map(|claimer| claimer.join().unwrap()).collect()
        });
        all.sort_unstable();
        assert_eq!(all, (0..20).map(|id| ItemId([id; 16])).collect::<Vec<_>>());
    }

    /// Many that want the same item, by its name or as the next, all at once: one has it.
    #[test]
    fn of_many_threads_one_gets_the_item() {
        const THREADS: usize = 32;
        let temp = tempfile::tempdir().unwrap();
        let pool = open(temp.path());
        for id in 0..20 {
            put(&pool, id);
            let start = std::sync::Barrier::new(THREADS);
            let claim = &|by_name: bool| {
                start.wait();
                let now = Instant::now();
                match by_name {
                    true => pool.claim(ItemId([id; 16]), now).unwrap(),
                    false => pool.claim_next(now).unwrap().map(|(_, item)| item),
                }
                .map(content)
            };
            let had: Vec<Vec<u8>> = std::thread::scope(|scope| {
                let claimers: Vec<_> =
                    (0..THREADS).map(|thread| scope.spawn(move || claim(thread % 2 == 0))).collect();
                claimers.into_iter().filter_map(|claimer| claimer.join().unwrap()).collect()
            });
            assert_eq!(had, [[id; 3]]);
            assert_eq!(pool.level(), 0);
        }
    }

    #[test]
    fn an_expected_item_is_waited_for() {
        let temp = tempfile::tempdir().unwrap();
        let pool = open(temp.path());
        pool.expect(ItemId([1; 16]));
        std::thread::scope(|scope| {
            let claiming =
                scope.spawn(|| pool.claim(ItemId([1; 16]), Instant::now() + Duration::from_secs(9)));
            std::thread::sleep(Duration::from_millis(20));
            put(&pool, 1);
            assert!(claiming.join().unwrap().unwrap().is_some());
        });
    }
}
