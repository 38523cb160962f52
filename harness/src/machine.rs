//! The machine that a run happens on.

use results::Machine;

/// Reads what the kernel tells.
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
    const FEATURES: [&str; 8] = ["aes", "avx2", "fma", "avx512f", "avx512ifma", "vaes", "vpclmulqdq", "gfni"];
    let flags: Vec<&str> = field("flags").unwrap_or_default().split_whitespace().collect();
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
        features: FEATURES.iter().filter(|f| flags.contains(f)).map(|f| (*f).to_owned()).collect(),
    }
}

/// This process's largest resident memory so far, bytes.
pub(crate) fn peak_rss_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let kib = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB"))?;
    Some(kib.trim().parse::<u64>().ok()? * 1024)
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
