//! The machine that a run happens on.

use protocols::instructions::Instructions;
use results::Machine;
use std::path::Path;
use std::time::Duration;

/// Features that kernels ask for, and what has to be allowed for that.
const FEATURES: [(&str, Instructions); 8] = [
    ("aes", Instructions::Avx2),
    ("avx2", Instructions::Avx2),
    ("fma", Instructions::Avx2),
    ("avx512f", Instructions::All),
    ("avx512ifma", Instructions::All),
    ("vaes", Instructions::Avx2Vaes),
    ("vpclmulqdq", Instructions::Avx2Vaes),
    ("gfni", Instructions::All),
];

/// Reads what the kernel tells; of the processor's features those that may be used.
pub(crate) fn describe() -> Machine {
    let cpuinfo = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let field = |name: &str| {
        cpuinfo
            .lines()
            .find(|line| line.starts_with(name))
            .and_then(|line| line.split_once(':'))
            .map(|(_, v)| v.trim())
    };
    let memory = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let flags: Vec<&str> = field("flags").unwrap_or_default().split_whitespace().collect();
    let used = FEATURES.iter().filter(|(_, least)| least.allowed()).map(|(feature, _)| *feature);
    Machine {
        cpu_model: field("model name").unwrap_or("unknown").to_owned(),
        cores: std::thread::available_parallelism().map_or(1, |n| n.get() as u32),
        memory_bytes: memory
            .lines()
            .find_map(|line| {
                line.strip_prefix("MemTotal:")?.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok()
            })
            .map(|kib| kib * 1024),
        kernel: format!("Linux {}", kernel.trim()),
        features: used.filter(|feature| flags.contains(feature)).map(str::to_owned).collect(),
    }
}

/// This process's largest resident memory so far, bytes.
pub(crate) fn peak_rss_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let kib = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB"))?;
    Some(kib.trim().parse::<u64>().ok()? * 1024)
}

/// Memory that could be had now without swapping, bytes.
pub(crate) fn available_memory() -> Option<u64> {
    let memory = std::fs::read_to_string("/proc/meminfo").ok()?;
    let kib =
        memory.lines().find_map(|line| line.strip_prefix("MemAvailable:")?.trim().strip_suffix(" kB"))?;
    Some(kib.trim().parse::<u64>().ok()? * 1024)
}

/// Bytes that a user may still write in `folder`.
pub(crate) fn free_disk(folder: &Path) -> Option<u64> {
    let disk = rustix::fs::statvfs(folder).ok()?;
    Some(disk.f_bavail * disk.f_frsize)
}

/// For so long is looked at what others do.
const GLANCE: Duration = Duration::from_millis(300);

/// From here on others' work is worth a warning: a twentieth of all cores.
const BUSY: f64 = 0.05;

/// Share of all cores that other programs take now, 0 to 1, while this one waits. Where it is much, a warning is printed.
pub(crate) fn busy() -> Option<f64> {
    let before = cpu_times(&std::fs::read_to_string("/proc/stat").ok()?)?;
    std::thread::sleep(GLANCE);
    let after = cpu_times(&std::fs::read_to_string("/proc/stat").ok()?)?;
    let all = after.0.checked_sub(before.0).filter(|all| *all > 0)?;
    let share = 1.0 - (after.1.saturating_sub(before.1) as f64 / all as f64).min(1.0);
    if share >= BUSY {
        eprintln!(
            "warning: other programs take {:.0} % of the cores: times will be longer, and less sure, than this machine's",
            100.0 * share
        );
    }
    Some(share)
}

/// All time of all cores, and what of it they were idle or waited for a disk, in the kernel's ticks.
fn cpu_times(stat: &str) -> Option<(u64, u64)> {
    let line = stat.lines().find_map(|line| line.strip_prefix("cpu "))?;
    let ticks: Vec<u64> = line.split_whitespace().map_while(|word| word.parse().ok()).collect();
    // Guests' time is in that of users already.
    Some((ticks.get(..8)?.iter().sum(), ticks[3] + ticks[4]))
}

/// The source revision, where this runs inside a checkout.
pub(crate) fn revision() -> Option<String> {
    let output = std::process::Command::new("git")
        .args(["describe", "--always", "--dirty", "--abbrev=40"])
        .output()
        .ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    (output.status.success() && !text.trim().is_empty()).then(|| text.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn idle_time_is_told_from_the_rest() {
        let stat = "cpu  100 1 20 300 7 2 3 4 50 0\ncpu0 9 9 9 9 9 9 9 9 9 9\nintr 5\n";
        assert_eq!(cpu_times(stat), Some((437, 307)));
        assert_eq!(cpu_times("cpu0 1 2 3 4 5 6 7 8\n"), None);
        assert_eq!(cpu_times("cpu  1 2 3\n"), None);
    }
}
