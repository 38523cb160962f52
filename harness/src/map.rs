//! `linnet map`: which way of computing kept units, on which correlated OTs, is fastest on which link.

use crate::choice::Objective;
use crate::cli::MapArgs;
use crate::error::Error;
use crate::experiment::{Compile, one_protocol, parse_links, refused};
use crate::model::Compiled;
use crate::print::print;
use netem::Link;
use protocols::compile::otherwise;
use protocols::cost::{inference_bytes, predict};
use protocols::ot::OtVariant;
use protocols::plan::ReluVariant;
use protocols::prepared::PreparedPlan;
use protocols::timing::{Rates, Times, times};
use results::pictures::{Axes, Panel, Won, map as draw};
use std::fmt::Write;

/// Megabytes a second of the links' columns, and milliseconds of round trips of their rows.
const RATES: [u32; 11] = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000];
const DELAYS: [f64; 11] = [0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0];

/// What is compared.
const PANELS: [(&str, Objective); 2] =
    [("offline and online", Objective::Total), ("online alone", Objective::Online)];

/// One way of computing a network.
struct Way {
    relu: ReluVariant,
    ot: OtVariant,
    plan: PreparedPlan,
}

impl Way {
    fn name(&self) -> String {
        format!("{} on {}", self.relu.name(), self.ot.name())
    }
}

/// What all ways take on a link, in their order.
struct Cell {
    rate: u32,
    delay: f64,
    times: Vec<Times>,
}

/// Writes the times of every way on every link, and draws who is fastest.
pub(crate) fn map(args: &MapArgs) -> Result<(), Error> {
    let protocol = one_protocol(&args.compile)?;
    let compile = Compile::new(&args.compile, &parse_links(&[])?)?;
    let rates = compile.rates()?;
    if rates.backend != protocol.he {
        let expected = format!("the backend that rates were measured with, {}", rates.backend.name());
        return Err(refused("--he", expected, protocol.he.name()));
    }
    std::fs::create_dir_all(&args.out).map_err(Error::io(format!("making {}", args.out.display())))?;
    let compiled = Compiled::load(&args.model, &compile, protocol)?;
    let ways = ways(&compiled.plan)?;
    let cells = cells(&ways, &rates)?;
    let save = |name: &str, text: String| {
        let path = args.out.join(name);
        std::fs::write(&path, text).map_err(Error::io(format!("writing {}", path.display())))
    };
    save("map.csv", table(&ways, &cells))?;
    save("map.svg", picture(&compiled.plan, &ways, &cells, &rates))?;
    print(format!("{}written to {}", told(&ways, &cells), args.out.display()).as_str())
}

fn ways(plan: &PreparedPlan) -> Result<Vec<Way>, Error> {
    let all = ReluVariant::ALL.into_iter().flat_map(|relu| OtVariant::ALL.map(|ot| (relu, ot)));
    all.map(|(relu, ot)| Ok(Way { relu, ot, plan: otherwise(plan, relu, ot)? })).collect()
}

fn cells(ways: &[Way], rates: &Rates) -> Result<Vec<Cell>, Error> {
    let mut cells = Vec::new();
    for delay in DELAYS {
        for rate in RATES {
            let link = Link::parse(&format!("rate={rate}MB/s,rtt={}us", (delay * 1e3).round()))?;
            let times = ways.iter().map(|way| times(&way.plan, rates, &link)).collect();
            cells.push(Cell { rate, delay, times });
        }
    }
    Ok(cells)
}

/// What is small where a way wins.
fn seconds(objective: Objective, times: &Times) -> f64 {
    match objective {
        Objective::Online => times.online_s,
        Objective::Total | Objective::Bytes => times.total_s(),
    }
}

impl Cell {
    /// The way that is fastest; of those that are alike online, the one that is faster offline.
    fn fastest(&self, objective: Objective) -> usize {
        let whole = |times: &Times| match objective {
            Objective::Online => times.online_s + times.offline_s / 1e3,
            Objective::Total | Objective::Bytes => times.total_s(),
        };
        let by_time = |(_, a): &(usize, &Times), (_, b): &(usize, &Times)| whole(a).total_cmp(&whole(b));
        self.times.iter().enumerate().min_by(by_time).map_or(0, |(index, _)| index)
    }
}

fn table(ways: &[Way], cells: &[Cell]) -> String {
    let mut out = "rate_mb_per_s,rtt_ms,relu,ot,offline_s,online_s,bytes\n".to_owned();
    let bytes: Vec<u64> = ways.iter().map(|way| inference_bytes(&predict(&way.plan))).collect();
    for Cell { rate, delay, times } in cells {
        for ((way, times), bytes) in ways.iter().zip(times).zip(&bytes) {
            let (relu, ot) = (way.relu.name(), way.ot.name());
            let _ = writeln!(
                out,
                "{rate},{delay},{relu},{ot},{:.6},{:.6},{bytes}",
                times.offline_s, times.online_s
            );
        }
    }
    out
}

/// How many links each way wins.
fn told(ways: &[Way], cells: &[Cell]) -> String {
    let mut out = String::new();
    for (name, objective) in PANELS {
        let _ = writeln!(out, "{name}, of {} links:", cells.len());
        let mut won = vec![0; ways.len()];
        cells.iter().for_each(|cell| won[cell.fastest(objective)] += 1);
        let mut order: Vec<usize> = (0..ways.len()).filter(|way| won[*way] > 0).collect();
        order.sort_by_key(|way| std::cmp::Reverse(won[*way]));
        for way in order {
            let _ = writeln!(out, "  {:>4} {}", won[way], ways[way].name());
        }
    }
    out
}

fn picture(plan: &PreparedPlan, ways: &[Way], cells: &[Cell], rates: &Rates) -> String {
    let panel = |(name, objective): (&str, Objective)| {
        let won = |cell: &Cell| {
            let way = cell.fastest(objective);
            Won { by: ways[way].name(), shown: shown(seconds(objective, &cell.times[way])) }
        };
        let rows = cells.chunks(RATES.len()).map(|row| row.iter().map(won).collect()).collect();
        Panel { name: name.to_owned(), rows }
    };
    let subtitles = [
        format!("{}, {} ReLUs: the fastest way on each link, and what it takes", plan.name, plan.relus()),
        format!("Predicted from declared work and measured rates ({}), not run", rates.machine),
    ];
    let names =
        RATES.map(|rate| if rate < 1000 { format!("{rate} MB/s") } else { format!("{} GB/s", rate / 1000) });
    let delays = DELAYS.map(|delay| format!("{delay} ms"));
    let axes = Axes {
        title: "Which way of computing kept ReLUs wins on which link",
        subtitles: &subtitles,
        rates: &names,
        delays: &delays,
    };
    draw(&axes, &PANELS.map(panel))
}

/// Three digits of a time.
fn shown(seconds: f64) -> String {
    match seconds {
        s if s >= 99.95 => format!("{s:.0} s"),
        s if s >= 9.995 => format!("{s:.1} s"),
        s if s >= 0.9995 => format!("{s:.2} s"),
        s if s >= 0.09995 => format!("{:.0} ms", 1e3 * s),
        s => format!("{:.1} ms", 1e3 * s),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fastest_online_is_the_faster_offline_of_those_alike() {
        let times =
            [(3.0, 1.0), (2.0, 1.0), (0.1, 1.5)].map(|(offline_s, online_s)| Times { offline_s, online_s });
        let cell = Cell { rate: 1, delay: 1.0, times: times.to_vec() };
        assert_eq!(cell.fastest(Objective::Online), 1);
        assert_eq!(cell.fastest(Objective::Total), 2);
    }

    #[test]
    fn times_have_three_digits() {
        for (seconds, text) in
            [(123.4, "123 s"), (12.34, "12.3 s"), (1.234, "1.23 s"), (0.1234, "123 ms"), (0.01234, "12.3 ms")]
        {
            assert_eq!(shown(seconds), text);
        }
    }
}
