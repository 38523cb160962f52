//! Items had once, whole, and by whom they are for; whatever moment a process ends at.

use super::*;
use models::fixed::linear::IntegerWeights;
use std::io::BufRead;
use std::process::{Command, Stdio};
use std::sync::Arc;

const PAIR: [u8; PAIR_BYTES] = [5; PAIR_BYTES];

fn open(folder: &Path) -> Pool {
    Pool::open(folder, Owner::Client, &Plan::without_steps("a"), PAIR).unwrap()
}

fn secrets(weight: i32) -> ServerSecrets {
    let weights = IntegerWeights { kernels: vec![Arc::new(vec![weight])], bias: vec![] };
    ServerSecrets { weights: [Some(weights)].into() }
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

/// Where a process of a test has its pool.
const FOLDER: &str = "LINNET_TEST_POOL";

/// One of these tests as a process of its own, with its pool in `folder`.
fn of_its_own(test: &str, folder: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    let name = format!("pool::tests::{test}");
    command.args([&name, "--exact", "--ignored", "--nocapture"]).env(FOLDER, folder);
    command.stdout(Stdio::null()).stderr(Stdio::piped());
    command
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
        Pool::open(temp.path(), owner, &Plan::without_steps(name), pair).err().unwrap().to_string()
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
    put(&Pool::open(temp.path(), Owner::Server(&secrets(1)), &Plan::without_steps("a"), PAIR).unwrap(), 1);
    let other =
        Pool::open(temp.path(), Owner::Server(&secrets(2)), &Plan::without_steps("a"), PAIR).err().unwrap();
    assert!(other.to_string().contains("weights: expected"), "{other}");
    assert_eq!(
        Pool::open(temp.path(), Owner::Server(&secrets(1)), &Plan::without_steps("a"), PAIR).unwrap().level(),
        1
    );
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
        let refused =
            Pool::open(temp.path(), Owner::Client, &Plan::without_steps("a"), PAIR).and_then(|pool| {
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

/// The process of [`of_many_programs_one_gets_each_item`]: takes two items as soon as it is let in.
#[test]
#[ignore = "a process of its own, for the test below"]
fn a_process_that_takes_items() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let pool = loop {
        match Pool::open(Path::new(&folder), Owner::Client, &Plan::without_steps("a"), PAIR) {
            Ok(pool) => break pool,
            Err(error) => assert!(error.to_string().contains("one in use"), "{error}"),
        }
        std::thread::sleep(Duration::from_micros(100));
    };
    for _ in 0..2 {
        if let Some((id, item)) = pool.claim_next(Instant::now()).unwrap() {
            assert_eq!(content(item), [id.0[0]; 3]);
            eprintln!("used {id}");
        }
    }
}

/// Many programs want the items of one pool: it lets one in at a time, and each item is used once.
#[test]
fn of_many_programs_one_gets_each_item() {
    const PROGRAMS: usize = 32;
    let temp = tempfile::tempdir().unwrap();
    let folder = temp.path().join("pool");
    let pool = open(&folder);
    let ids = 1..=60;
    ids.clone().for_each(|id| put(&pool, id));
    let programs: Vec<_> =
        (0..PROGRAMS).map(|_| of_its_own("a_process_that_takes_items", &folder).spawn().unwrap()).collect();
    drop(pool);
    let mut used = Vec::new();
    for program in programs {
        let done = program.wait_with_output().unwrap();
        let told = String::from_utf8(done.stderr).unwrap();
        assert!(done.status.success(), "{told}");
        used.extend(told.lines().filter_map(|line| ItemId::parse(line.strip_prefix("used ")?)));
    }
    used.sort_unstable();
    assert_eq!(used, ids.map(|id| ItemId([id; 16])).collect::<Vec<_>>());
    assert_eq!(names(&folder), [""; 0]);
}

#[test]
fn an_expected_item_is_waited_for() {
    let temp = tempfile::tempdir().unwrap();
    let pool = open(temp.path());
    pool.expect(ItemId([1; 16]));
    std::thread::scope(|scope| {
        let claiming = scope.spawn(|| pool.claim(ItemId([1; 16]), Instant::now() + Duration::from_secs(9)));
        std::thread::sleep(Duration::from_millis(20));
        put(&pool, 1);
        assert!(claiming.join().unwrap().unwrap().is_some());
    });
}

/// Makes items and uses them, each told before anything is done with it, until it is killed.
#[test]
#[ignore = "a process of its own, for the test below"]
fn a_process_that_makes_and_uses_items() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let pool = open(Path::new(&folder));
    let mut rng = rand::rng();
    loop {
        let id = ItemId::random(&mut rng);
        pool.put(id, |file| Saving::to(file).bytes(&[7; 100_000])).unwrap();
        if let Some((id, item)) = pool.claim_next(Instant::now()).unwrap() {
            eprintln!("used {id}");
            assert_eq!(content(item).len(), 100_000);
        }
    }
}

/// Killed at any moment: what is on offer afterwards is whole, and nothing that was used is among it.
#[test]
fn a_process_that_is_killed_loses_items_and_never_offers_one_twice() {
    let temp = tempfile::tempdir().unwrap();
    let folder = temp.path().join("pool");
    let mut used = HashSet::new();
    let mut left = 0;
    for round in 0..40 {
        let mut child = of_its_own("a_process_that_makes_and_uses_items", &folder).spawn().unwrap();
        let said = BufReader::new(child.stderr.take().unwrap());
        let mut lines = said.lines();
        // It is under way; then it ends at some moment of an item's life.
        let first = lines.next();
        std::thread::sleep(Duration::from_micros(731 * round));
        child.kill().unwrap();
        child.wait().unwrap();
        let told = first.into_iter().chain(lines).map(|line| line.unwrap());
        let uses: Vec<ItemId> = told.filter_map(|line| ItemId::parse(line.strip_prefix("used ")?)).collect();
        assert!(!uses.is_empty(), "round {round} used nothing");
        for id in uses {
            assert!(used.insert(id), "{id} was used twice");
        }
        let pool = open(&folder);
        left += pool.level();
        for id in pool.offered() {
            assert!(!used.contains(&id), "{id} is on offer and was used");
            let item = pool.claim(id, Instant::now()).unwrap().unwrap();
            assert_eq!(content(item).len(), 100_000, "{id} is not whole");
            used.insert(id);
        }
        assert_eq!(names(&folder), [""; 0], "round {round} leaves files behind");
    }
    eprintln!("{} items used, {left} of them after a kill", used.len());
}

/// One party has three items, the other two of them: the third is refused at once, not waited for.
#[test]
fn an_item_that_the_other_party_has_alone_is_refused() {
    let temp = tempfile::tempdir().unwrap();
    let secrets = secrets(0);
    let client =
        Pool::open(&temp.path().join("client"), Owner::Client, &Plan::without_steps("a"), PAIR).unwrap();
    let server =
        Pool::open(&temp.path().join("server"), Owner::Server(&secrets), &Plan::without_steps("a"), PAIR)
            .unwrap();
    (1..=3).for_each(|id| put(&client, id));
    (1..=2).for_each(|id| put(&server, id));
    let found: Vec<bool> = (0..3)
        .map(|_| {
            let (id, _) = client.claim_next(Instant::now()).unwrap().unwrap();
            let began = Instant::now();
            let claimed = server.claim(id, began + Duration::from_secs(60)).unwrap();
            assert!(began.elapsed() < Duration::from_secs(5));
            claimed.is_some()
        })
        .collect();
    assert_eq!(found, [true, true, false]);
}
