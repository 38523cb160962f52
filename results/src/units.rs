//! Quantities as people read them: three digits, decimal multiples.

/// Bytes; 1 kB = 1000 B.
pub(crate) fn bytes(bytes: u64) -> String {
    let value = bytes as f64;
    scaled(value, &[(1e9, "GB"), (1e6, "MB"), (1e3, "kB")]).unwrap_or_else(|| format!("{bytes} B"))
}

/// A time given in seconds.
pub(crate) fn seconds(seconds: f64) -> String {
    scaled(seconds, &[(1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns")])
        .unwrap_or_else(|| "0 s".to_owned())
}

/// A fraction as a percentage, without the sign.
pub(crate) fn percent(fraction: f64) -> String {
    format!("{:.2}", fraction * 100.0)
}

/// Two ends with as many decimals, two or more, as tell them apart; at most six.
pub(crate) fn apart(low: f64, high: f64) -> (String, String) {
    let ends = |decimals: usize| (format!("{low:.decimals$}"), format!("{high:.decimals$}"));
    (2..6).map(ends).find(|(low, high)| low != high).unwrap_or_else(|| ends(if low == high { 2 } else { 6 }))
}

/// A count with its thousands set apart.
pub(crate) fn count(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Three digits in the largest unit that keeps the value at 1 or more once rounded.
fn scaled(value: f64, units: &[(f64, &str)]) -> Option<String> {
    units.iter().find(|(size, _)| value / size >= 0.9995).map(|(size, unit)| {
        let value = value / size;
        let decimals = if value < 9.995 { 2 } else { usize::from(value < 99.95) };
        format!("{value:.decimals$} {unit}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_in_three_digits() {
        for (value, text) in [
            (0, "0 B"),
            (999, "999 B"),
            (1_000, "1.00 kB"),
            (36_913, "36.9 kB"),
            (999_499, "999 kB"),
            (999_500, "1.00 MB"),
            (9_995_000, "10.0 MB"),
            (2_345_678_901, "2.35 GB"),
        ] {
            assert_eq!(bytes(value), text);
        }
    }

    #[test]
    fn seconds_in_three_digits() {
        for (value, text) in
            [(0.0, "0 s"), (1.7e-9, "1.70 ns"), (0.000_456, "456 µs"), (0.9999, "1.00 s"), (286.4, "286 s")]
        {
            assert_eq!(seconds(value), text);
        }
    }

    #[test]
    fn ends_are_told_apart() {
        let text = |low: f64, high: f64| apart(low, high);
        assert_eq!(text(0.5, 1.25), ("0.50".to_owned(), "1.25".to_owned()));
        assert_eq!(text(1.0001, 1.0004), ("1.0001".to_owned(), "1.0004".to_owned()));
        assert_eq!(text(1.0, 1.0), ("1.00".to_owned(), "1.00".to_owned()));
        assert_eq!(text(1.0, 1.000_000_01), ("1.000000".to_owned(), "1.000000".to_owned()));
    }

    #[test]
    fn counts_and_percentages() {
        assert_eq!(
            [0, 999, 1_000, 557_056, 1_359_872].map(count),
            ["0", "999", "1,000", "557,056", "1,359,872"]
        );
        assert_eq!(percent(0.913_333), "91.33");
    }
}
