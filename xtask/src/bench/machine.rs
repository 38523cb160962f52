//! The machine on which the figures are measured, by its own description.

use std::fs;

/// Instruction sets that the kernels ask for.
const FEATURES: [&str; 8] = ["aes", "avx2", "fma", "avx512f", "avx512ifma", "vaes", "vpclmulqdq", "gfni"];

/// The lines at the table's head.
pub(crate) fn describe(quick: bool) -> String {
    let cores = std::thread::available_parallelism().map_or(1, |count| count.get());
    head(&fs::read_to_string("/proc/cpuinfo").unwrap_or_default(), cores, quick)
}

fn head(cpuinfo: &str, cores: usize, quick: bool) -> String {
    let field = |name: &str| {
        let line = cpuinfo.lines().find(|line| line.starts_with(name))?;
        line.split_once(':').map(|(_, value)| value.trim())
    };
    let flags: Vec<&str> = field("flags").unwrap_or_default().split_whitespace().collect();
    let features: Vec<&str> = FEATURES.into_iter().filter(|feature| flags.contains(feature)).collect();
    let runs = if quick { "few runs each: not to be quoted" } else { "medians" };
    format!(
        "{}, {cores} cores, {}\none thread a party; two processes on loopback unless said; {runs}\n\
         peers: measured elsewhere on the same kind of machine, or published where it says so\n",
        field("model name").unwrap_or("unknown processor"),
        features.join(" "),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_head_names_processor_cores_and_features() {
        let cpuinfo = "processor\t: 0\nmodel name\t: Example 9\nflags\t\t: fpu aes vaes sse2 gfni\n";
        let text = head(cpuinfo, 2, false);
        assert!(text.starts_with("Example 9, 2 cores, aes vaes gfni\none thread a party"), "{text}");
        assert!(head("", 1, true).starts_with("unknown processor, 1 cores, \n"));
    }
}
