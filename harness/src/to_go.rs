//! How long something will take, for people.

/// What is said of so many seconds that are left.
pub(crate) fn about(seconds: f64) -> String {
    format!("about {} to go", time(seconds))
}

/// So many seconds.
pub(crate) fn time(seconds: f64) -> String {
    let whole = seconds.round() as u64;
    match (whole / 3600, whole / 60 % 60, whole % 60) {
        (0, 0, seconds) => format!("{seconds} s"),
        (0, minutes, seconds) => format!("{minutes} min {seconds} s"),
        (hours, minutes, _) => format!("{hours} h {minutes} min"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_for_people() {
        assert_eq!(about(3.4), "about 3 s to go");
        assert_eq!(about(125.0), "about 2 min 5 s to go");
        assert_eq!(about(7_260.0), "about 2 h 1 min to go");
    }
}
