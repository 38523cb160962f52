//! A small made-up run whose summary is worked out by hand.

use results::{
    AccuracyRow, CellRow, InferenceRow, InferenceStatus, ItemRow, Loaded, Machine, Manifest, Party, Phase,
    Pinning, QueryRow, Run, SCHEMA, StepRow, load,
};
use std::path::{Path, PathBuf};

/// A manifest with every optional part absent.
pub(crate) fn manifest() -> Manifest {
    Manifest {
        schema: SCHEMA,
        id: "example".to_owned(),
        started: "2026-01-02T03:04:05Z".to_owned(),
        command: vec!["linnet".to_owned(), "bench".to_owned()],
        linnet: "0.1.0".to_owned(),
        revision: None,
        machine: Machine { cpu_model: "made up".to_owned(), cores: 2, ..Machine::default() },
        threads: 1,
        pinning: Pinning { client: vec![0], server: vec![1] },
        seeds: [("images".to_owned(), 7)].into(),
        links: Vec::new(),
        loopback: None,
        models: Vec::new(),
        data: Vec::new(),
        cells: Vec::new(),
        shard: None,
        busy: None,
        resumed: Vec::new(),
        settings: serde_json::json!({ "repeats": 3 }),
    }
}

/// A cell of the model `mini` with 1,998 ReLUs for a budget of 2,000.
pub(crate) fn cell(id: &str, link: &str) -> CellRow {
    CellRow {
        cell: id.to_owned(),
        model: "mini".to_owned(),
        method: "privshap".to_owned(),
        budget: Some(2000),
        relus: 1998,
        relu: "narrow".to_owned(),
        he: Some("narrow".to_owned()),
        threads: Some(1),
        store: Some("memory".to_owned()),
        link: link.to_owned(),
        ring_bits: Some(25),
        fa: Some(8),
        fw: Some(10),
        acc_float: Some(0.75),
        acc_fixed: Some(0.7421),
        acc_images: Some(10_000),
        ..CellRow::default()
    }
}

/// Classes of as many test images of class 3 as there are verdicts, right in the ring where they are.
#[allow(dead_code, reason = "not every file of tests needs it")]
pub(crate) fn classes(cell: &str, right: impl IntoIterator<Item = bool>) -> Vec<AccuracyRow> {
    let row = |(image, right): (u64, bool)| AccuracyRow {
        cell: cell.to_owned(),
        image,
        label: 3,
        class_float: 3,
        class_fixed: if right { 3 } else { 4 },
    };
    (0..).zip(right).map(row).collect()
}

/// A repeat that ended ok, with class 3 by every evaluation.
pub(crate) fn inference(cell: &str, repeat: u32, label: u32) -> InferenceRow {
    InferenceRow {
        cell: cell.to_owned(),
        repeat,
        image: u64::from(repeat) + 100,
        label,
        class_float: Some(3),
        class_fixed: Some(3),
        class_secure: Some(3),
        verified: Some(true),
        out_of_bounds: Some(2),
        peak_rss_client_bytes: Some(1_000_000 + u64::from(repeat)),
        store_client_bytes: Some(5_000),
        ..InferenceRow::default()
    }
}

/// One party's row; `bytes` are (payload out, payload in, header out, header in).
pub(crate) fn step(
    of: &InferenceRow,
    (party, phase, step): (Party, Phase, u32),
    bytes: [u64; 4],
    flights_out: u64,
    wall_ns: u64,
) -> StepRow {
    let [bytes_out, bytes_in, header_out, header_in] = bytes;
    StepRow {
        cell: of.cell.clone(),
        repeat: of.repeat,
        warmup: of.warmup,
        party,
        phase,
        step,
        step_name: format!("step{step}"),
        step_kind: "linear".to_owned(),
        bytes_out,
        bytes_in,
        header_out,
        header_in,
        messages_out: 1,
        messages_in: 1,
        flights_out,
        wall_ns,
        compute_ns: wall_ns / 2,
        blocked_ns: wall_ns - wall_ns / 2,
    }
}

/// The steps of one repeat: two offline, two online; online takes the client `online_ns` in all.
pub(crate) fn steps(of: &InferenceRow, online_ns: u64) -> Vec<StepRow> {
    use Party::{Client, Server};
    use Phase::{Offline, Online};
    vec![
        step(of, (Client, Offline, 0), [500, 300, 8, 8], 1, 10_000_000),
        step(of, (Server, Offline, 0), [300, 500, 8, 8], 1, 11_000_000),
        step(of, (Client, Offline, 1), [0, 4000, 0, 16], 0, 5_000_000),
        step(of, (Server, Offline, 1), [4000, 0, 16, 0], 0, 5_500_000),
        step(of, (Client, Online, 0), [64, 20, 8, 8], 1, online_ns - 1_000_000),
        step(of, (Server, Online, 0), [20, 64, 8, 8], 1, 900_000_000),
        step(of, (Client, Online, 1), [40, 0, 8, 0], 1, 1_000_000),
        step(of, (Server, Online, 1), [0, 40, 0, 8], 0, 900_000_000),
    ]
}

/// Two cells. `lan`: a warm-up that carries the setup, then repeats of 4, 2 and 3 ms online, one image of three
/// misclassified by everything. `wan`: a repeat that failed half-way.
#[allow(dead_code, reason = "not every file of tests needs it")]
pub(crate) fn write(dir: &Path) -> (Run, PathBuf) {
    let dir = dir.join("runs").join("example");
    let mut run = Run::create(&dir, &manifest()).unwrap();
    run.cell(&cell("mini-lan", "lan")).unwrap();
    let warmup = InferenceRow { warmup: true, ..inference("mini-lan", 0, 3) };
    let mut first = steps(&warmup, 99_000_000);
    first.push(step(&warmup, (Party::Client, Phase::Setup, 0), [70, 90, 8, 8], 1, 30_000_000));
    first.push(step(&warmup, (Party::Server, Phase::Setup, 0), [90, 70, 8, 8], 1, 20_000_000));
    run.inference(&warmup, &first).unwrap();
    for (repeat, (label, online_ns)) in
        [(3, 4_000_000), (3, 2_000_000), (5, 3_000_000)].into_iter().enumerate()
    {
        let row = inference("mini-lan", repeat as u32, label);
        run.inference(&row, &steps(&row, online_ns)).unwrap();
    }
    run.cell(&cell("mini-wan", "wan")).unwrap();
    let failed = InferenceRow {
        class_secure: None,
        verified: None,
        status: InferenceStatus::Failed,
        error: Some("the peer closed the channel, \"early\"\nin step 1".to_owned()),
        ..inference("mini-wan", 0, 3)
    };
    let half = steps(&failed, 4_000_000)[..3].to_vec();
    run.inference(&failed, &half).unwrap();
    (run, dir)
}

/// A run of `server` cells at 5, 15 and 60 queries a second, 45 queries each: service takes 20 ms, an item 50 ms to make,
/// and the pool of 4 is full to begin with.
#[allow(dead_code, reason = "not every file of tests needs it")]
pub(crate) fn served(folder: &Path) -> Loaded {
    const MS: u64 = 1_000_000;
    const POOL: u64 = 4;
    let dir = folder.join("served");
    let mut run = Run::create(&dir, &Manifest { id: "served".to_owned(), ..manifest() }).unwrap();
    for rate in [5_u64, 15, 60] {
        let id = format!("mini-lan-{rate}");
        let scenario = Some("server".to_owned());
        let (pool, refillers) = (Some(POOL), Some(1));
        run.cell(&CellRow { scenario, rate_per_s: Some(rate as f64), pool, refillers, ..cell(&id, "lan") })
            .unwrap();
        let (mut queries, mut items) = (Vec::new(), Vec::new());
        // When the maker of items and the server of queries are next free, and when each item was ready and taken.
        let (mut free, mut taken) = (0, Vec::<u64>::new());
        let mut ready = vec![0; POOL as usize];
        for query in 0..45 {
            let due_ns = u64::from(query) * 1_000 * MS / rate;
            let began_ns = due_ns.max(free);
            // An item is begun once there is room for it and the one before it is made.
            if let Some(room) = taken.last() {
                let begun = ready.last().map_or(*room, |last: &u64| (*last).max(*room));
                ready.push(begun + 50 * MS);
            }
            let supplied_ns = began_ns.max(ready[query as usize]);
            let pool_level = ready[query as usize..].iter().filter(|at| **at <= began_ns).count() as u64;
            free = supplied_ns + 20 * MS;
            taken.push(supplied_ns);
            let item = format!("i{query}");
            let cell = id.clone();
            queries.push(QueryRow {
                cell,
                query,
                item,
                due_ns,
                began_ns,
                supplied_ns,
                done_ns: free,
                pool_level,
            });
        }
        for (index, at) in ready.iter().enumerate() {
            let done_ns = if *at == 0 { -1 } else { *at as i64 };
            let (began_ns, item) = (done_ns - (50 * MS) as i64, format!("i{index}"));
            let query = (index < 45).then_some(index as u32);
            items.push(ItemRow { cell: id.clone(), item, began_ns, done_ns, query, ..ItemRow::default() });
        }
        run.queries(&queries, &items).unwrap();
        for repeat in 0..45 {
            let inference = inference(&id, repeat, 3);
            run.inference(&inference, &steps(&inference, 20 * MS)).unwrap();
        }
    }
    run.finish().unwrap();
    load(&dir).unwrap()
}
