//! `linnet doctor`: whether this machine measures what it should, and what to mend.

use crate::error::Error;
use crate::print::print;
use crate::{machine, trainer};
use netem::{Bytes, Link};
use std::path::Path;

/// Free memory that the largest built-in network needs, both parties together, with room to spare (`linnet plan show` tells
/// a network's own need).
const MEMORY: u64 = 4 << 30;

/// Free disk for a client's store and the rows of a long sweep.
const DISK: u64 = 4 << 30;

/// How late a frame may leave before it shows on the fastest named links, nanoseconds: a tenth of their round trip.
const LATE_NS: u64 = 30_000;

/// One thing that was looked at.
struct Check {
    name: &'static str,
    found: String,
    /// What to do about it, and whether measurements are wrong, not only slower, until then.
    mend: Option<(Severity, String)>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Severity {
    /// Numbers are right, but not what the machine could do.
    Note,
    /// Numbers are not what they say, or a command fails.
    Wrong,
}

impl Check {
    fn of(name: &'static str, found: impl Into<String>, mend: Option<(Severity, &str)>) -> Self {
        Self { name, found: found.into(), mend: mend.map(|(severity, text)| (severity, text.to_owned())) }
    }
}

/// Prints what it finds; `false` where something makes measurements wrong.
pub(crate) fn run() -> Result<bool, Error> {
    let checks = checks();
    let width = checks.iter().map(|check| check.name.len()).max().unwrap_or(0);
    for check in &checks {
        let mark = match &check.mend {
            None => "ok   ",
            Some((Severity::Note, _)) => "note ",
            Some((Severity::Wrong, _)) => "WRONG",
        };
        print(&format!("{mark}  {:width$}  {}", check.name, check.found))?;
        if let Some((_, mend)) = &check.mend {
            print(&format!("{:5}  {:width$}  -> {mend}", "", ""))?;
        }
    }
    let wrong = checks.iter().filter(|check| matches!(check.mend, Some((Severity::Wrong, _)))).count();
    print(&match wrong {
        0 => "\nthis machine measures what it should".to_owned(),
        some => format!("\n{some} to mend before measurements mean what they say"),
    })?;
    Ok(wrong == 0)
}

fn checks() -> Vec<Check> {
    let mut checks = vec![cores(), features(), load(), governor(), memory(), disk(), training()];
    checks.extend(channel());
    checks
}

fn cores() -> Check {
    let cores = machine::describe().cores;
    let mend = (cores < 2).then_some((
        Severity::Wrong,
        "two parties share one core, so that each waits for the other's work: give the machine two",
    ));
    Check::of("cores", format!("{cores}"), mend)
}

fn features() -> Check {
    let features = machine::describe().features;
    let missing: Vec<&str> = ["aes", "avx2", "avx512f", "avx512ifma", "vaes", "gfni"]
        .into_iter()
        .filter(|wanted| !features.iter().any(|found| found == wanted))
        .collect();
    let instead = if ["aes", "avx2"].iter().any(|needed| missing.contains(needed)) {
        "kernels run in portable code, and much slower"
    } else {
        "kernels use the narrower registers that there are, and are slower"
    };
    let text = format!("without {}: {instead}", missing.join(", "));
    let mend = (!missing.is_empty()).then_some((Severity::Note, text.as_str()));
    Check::of("processor", format!("{} ({})", machine::describe().cpu_model, features.join(" ")), mend)
}

fn load() -> Check {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let Some(load) = text.split_whitespace().next().and_then(|word| word.parse::<f64>().ok()) else {
        return Check::of("load", "not known", None);
    };
    let busy = load > 0.25 * f64::from(machine::describe().cores);
    let mend = busy
        .then_some((Severity::Wrong, "other programs take part of the cores: wait for them, or stop them"));
    Check::of("load", format!("{load} over the last minute"), mend)
}

fn governor() -> Check {
    let path = "/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor";
    let Ok(governor) = std::fs::read_to_string(path) else {
        return Check::of("clock rate", "not under this system's control", None);
    };
    let governor = governor.trim();
    let mend = (governor != "performance").then_some((
        Severity::Note,
        "the clock rate follows the load: `cpupower frequency-set -g performance` holds it",
    ));
    Check::of("clock rate", format!("governor {governor}"), mend)
}

fn memory() -> Check {
    let Some(free) = machine::available_memory() else { return Check::of("memory", "not known", None) };
    let mend = (free < MEMORY).then_some((
        Severity::Note,
        "large networks are refused here: `--store file` needs less, or free some",
    ));
    Check::of("memory", format!("{} free", Bytes(free)), mend)
}

fn disk() -> Check {
    let Some(free) = machine::free_disk(Path::new(".")) else { return Check::of("disk", "not known", None) };
    let mend = (free < DISK).then_some((
        Severity::Note,
        "long sweeps and `--store file` may not fit: free some, or --out elsewhere",
    ));
    Check::of("disk", format!("{} free in this folder", Bytes(free)), mend)
}

fn training() -> Check {
    match trainer::methods() {
        Ok(methods) if !methods.is_empty() => {
            Check::of("libtorch", format!("linnet-train runs and knows {} linearizers", methods.len()), None)
        }
        Ok(_) => Check::of(
            "libtorch",
            "linnet-train does not start",
            Some((
                Severity::Note,
                "train, linearize and shapley will fail: `cargo xtask setup` fetches libtorch",
            )),
        ),
        Err(error) => Check {
            name: "libtorch",
            found: error.to_string(),
            mend: Some((
                Severity::Note,
                "train, linearize and shapley will fail until then; the rest works".into(),
            )),
        },
    }
}

/// The channel under the links, and how exactly it is slowed down.
fn channel() -> Vec<Check> {
    let loopback = match netem::calibrate() {
        Ok(loopback) => loopback,
        Err(error) => {
            let mend =
                Some((Severity::Wrong, "no run works without a loopback interface: `ip link set lo up`"));
            return vec![Check::of("loopback", error.to_string(), mend)];
        }
    };
    let beyond: Vec<String> =
        Link::named().filter(|link| link.check(&loopback).is_err()).map(|link| link.name).collect();
    let text = format!("slower than {}: those links are refused", beyond.join(", "));
    let mend = (!beyond.is_empty()).then_some((Severity::Note, text.as_str()));
    let mut checks = vec![Check::of("loopback", loopback.to_string(), mend)];
    let Some(lan) = Link::named().find(|link| link.name == "lan" && link.check(&loopback).is_ok()) else {
        return checks;
    };
    checks.push(match netem::probe(&lan) {
        Err(error) => Check::of("timer", error.to_string(), Some((Severity::Wrong, "emulated links do not work here"))),
        Ok(probed) => {
            let (p50, p99) = (probed.release.p50_ns, probed.release.p99_ns);
            let mend = (p50 > LATE_NS).then_some((
                Severity::Wrong,
                "frames leave too late, so that links are slower than they say: free a core, or use a kernel with \
                 high-resolution timers",
            ));
            Check::of("timer", format!("frames leave {:.1} µs late, 99 % within {:.1} µs", p50 as f64 / 1e3, p99 as f64 / 1e3), mend)
        }
    });
    checks
}
