//! Text that comes from a file or a peer and becomes part of a path, or is printed.

use crate::Error;

/// Most characters of a name.
pub const MOST_NAME: usize = 100;
/// Most characters of a line.
pub const MOST_LINE: usize = 300;

fn of_a_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || "._-+@=,".contains(c)
}

/// Errors unless `text`, which is a `what`, can be a file's name as it stands: ASCII letters, digits and `._-+@=,`, the first a
/// letter or a digit.
///
/// # Errors
/// [`Error::Argument`].
pub fn check_name(what: &'static str, text: &str) -> Result<(), Error> {
    let begins_well = text.starts_with(|c: char| c.is_ascii_alphanumeric());
    if begins_well && text.len() <= MOST_NAME && text.chars().all(of_a_name) {
        return Ok(());
    }
    let expected = format!("at most {MOST_NAME} of a-z, A-Z, 0-9 and ._-+@=, and a letter or digit first");
    Err(Error::argument(what, expected, format!("`{}`", printable(text))))
}

/// Errors unless `text`, which is a `what`, can be printed in a line as it stands.
///
/// # Errors
/// [`Error::Argument`].
pub fn check_line(what: &'static str, text: &str) -> Result<(), Error> {
    if text.chars().count() <= MOST_LINE && !text.chars().any(is_control) {
        return Ok(());
    }
    let expected = format!("at most {MOST_LINE} printable characters");
    Err(Error::argument(what, expected, format!("`{}`", printable(text))))
}

/// A name as near to `text` as [`check_name`] allows.
pub fn name_from(text: &str) -> String {
    let clean = |c: char| if of_a_name(c) { c } else { '_' };
    let name: String = text.chars().map(clean).take(MOST_NAME).collect();
    let name = name.trim_start_matches(|c: char| !c.is_ascii_alphanumeric());
    if name.is_empty() { "model".to_owned() } else { name.to_owned() }
}

/// What a terminal may be given: control characters but for tabs and ends of lines are written as escapes. So are those that
/// reverse the direction of what follows.
pub fn printable(text: &str) -> String {
    text.chars()
        .flat_map(|c| {
            let escaped = (is_control(c) && !matches!(c, '\n' | '\t')).then(|| c.escape_default());
            let plain = escaped.is_none().then_some(c);
            escaped.into_iter().flatten().chain(plain)
        })
        .collect()
}

fn is_control(c: char) -> bool {
    c.is_control() || matches!(c, '\u{200e}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_in_their_folder() {
        for good in ["resnet20", "privshap-online@wan-seed1", "b6000", "a.b_c+d=e,f", "7"] {
            check_name("a network's name", good).unwrap();
        }
        let long = "x".repeat(MOST_NAME + 1);
        for bad in [
            "",
            ".",
            "..",
            ".hidden",
            "-rf",
            "a/b",
            "x/../../victim",
            "a\\b",
            "a b",
            "ä",
            "a\u{1b}[2J",
            &long,
        ] {
            let told = check_name("a network's name", bad).unwrap_err().to_string();
            assert!(told.contains("a network's name") && !told.contains('\u{1b}'), "{told}");
            check_name("a made name", &name_from(bad)).unwrap();
        }
        assert_eq!(
            (name_from("my model (2)").as_str(), name_from("/..").as_str()),
            ("my_model__2_", "model")
        );
    }

    #[test]
    fn nothing_printed_moves_the_cursor() {
        assert_eq!(printable("a\u{1b}[2J\rb\n\u{9b}c\u{202e}d\tµ"), "a\\u{1b}[2J\\rb\n\\u{9b}c\\u{202e}d\tµ");
        check_line("a step's name", "/conv1/Conv (µ)").unwrap();
        assert!(check_line("a step's name", "a\nb").is_err());
        assert!(check_line("a step's name", &"x".repeat(MOST_LINE + 1)).is_err());
    }
}
