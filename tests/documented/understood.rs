//! Whether a program understands what documents tell readers to type.

use super::documented::Documented;
use clap::Parser;
use clap::error::ErrorKind;

/// Asserts that `Cli` understands whole commands as they stand, and in sentences whatever they have.
pub(crate) fn assert_understood<Cli: Parser>(commands: impl IntoIterator<Item = Documented>) {
    for Documented { file, words, block } in commands {
        let Err(error) = Cli::try_parse_from(&words) else { continue };
        let lacks = matches!(
            error.kind(),
            ErrorKind::MissingRequiredArgument | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
        );
        let helps = error.kind() == ErrorKind::DisplayHelp;
        // In a sentence an option may be named without its value.
        let named = words.last().is_some_and(|word| word.starts_with("--"));
        let told = format!("{}: {}: {error}", file.display(), words.join(" "));
        assert!(helps || ((lacks || named) && block.is_none()), "{told}");
    }
}
