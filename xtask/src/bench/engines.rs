//! The engines of a machine that kernels are measured on.

/// The figure of a block on the fastest.
pub(super) const FASTEST: &str = "AES-128 block, fastest engine";

/// What garbling and evaluating an AND are to take on an engine, ns.
pub(super) type Targets = [Option<f64>; 2];

/// The engines of this machine as figures name them, the figure of a block on each, and the targets.
pub(super) fn engines() -> Vec<(&'static str, &'static str, Targets)> {
    #[cfg(target_arch = "x86_64")]
    let [narrow, wide, widest] = [
        is_allowed("avx2") && is_x86_feature_detected!("aes") && is_x86_feature_detected!("avx2"),
        is_allowed("avx2-vaes") && is_x86_feature_detected!("vaes") && is_x86_feature_detected!("avx2"),
        is_allowed("all") && is_x86_feature_detected!("vaes") && is_x86_feature_detected!("avx512vbmi"),
    ];
    #[cfg(not(target_arch = "x86_64"))]
    let [narrow, wide, widest] = [false; 3];
    let kinds = [
        (widest, FASTEST, [Some(6.0), Some(3.5)]),
        (wide, "AES-128 block, VAES-256", [Some(5.5), Some(3.3)]),
        (narrow, "AES-128 block, AES-NI", [Some(10.5), Some(6.0)]),
        (true, "AES-128 block, portable engine", [None, None]),
    ];
    let there: Vec<_> = kinds.into_iter().filter(|(there, ..)| *there).collect();
    let engine = |cipher: &'static str| cipher.trim_start_matches("AES-128 block, ");
    let fastest = [("fastest engine", FASTEST, there[0].2)];
    let portable = (there.len() == 1).then(|| there[0]);
    let others =
        there.iter().skip(1).chain(&portable).map(|(_, cipher, targets)| (engine(cipher), *cipher, *targets));
    fastest.into_iter().chain(others).collect()
}

/// Whether the figures' program, which looks at the same variable, may use these instructions.
#[cfg(target_arch = "x86_64")]
fn is_allowed(instructions: &str) -> bool {
    let place = |name: &str| ["portable", "avx2", "avx2-vaes", "all"].iter().position(|one| *one == name);
    let most = std::env::var("LINNET_INSTRUCTIONS").ok();
    place(instructions) <= most.map_or(Some(usize::MAX), |most| place(&most))
}
