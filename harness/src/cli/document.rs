//! The book's page of commands, from what `--help` says of them.

use super::Cli;
use clap::CommandFactory;
use std::fmt::Write;

/// Characters of a line of help.
const WIDTH: usize = 110;

/// What stands before the first command.
const HEAD: &str = "# Every command

What `linnet COMMAND --help` prints. `linnet train`, `linearize` and `shapley` are [on a page of their own](training-commands.md).
Commands end with status 0 where all was done; with 1 where they met an error, or something that was measured failed; with 2 where
what was typed is not understood; `linnet compare --fail-if` with 3 where a cell meets the condition.
";

/// Handed over to `linnet-train`, which has a page of its own.
const TRAINING: [&str; 3] = ["train", "linearize", "shapley"];

/// The page.
pub(crate) fn page() -> String {
    let mut text = HEAD.to_owned();
    let mut all = Cli::command().term_width(WIDTH);
    all.build();
    for command in all.get_subcommands_mut() {
        let name = command.get_name().to_owned();
        if command.is_hide_set() || name == "help" || TRAINING.contains(&name.as_str()) {
            continue;
        }
        let shown: Vec<&mut clap::Command> = match command.has_subcommands() {
            false => vec![command],
            true => command.get_subcommands_mut().filter(|inner| inner.get_name() != "help").collect(),
        };
        for command in shown {
            let help = command.render_long_help().to_string();
            let name = command.get_bin_name().unwrap_or(&name).to_owned();
            let lines: Vec<&str> = help.lines().map(str::trim_end).collect();
            writeln!(text, "\n## `{name}`\n\n```text\n{}\n```", lines.join("\n").trim_end())
                .expect("a string takes every text");
        }
    }
    text
}

#[cfg(test)]
#[path = "../../../tests/documented/mod.rs"]
mod documented;

#[cfg(test)]
#[path = "../../../tests/documented/understood.rs"]
mod understood;

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    /// `linnet-train`'s own test looks at what is handed over to it.
    #[test]
    fn what_documents_tell_readers_to_type_is_understood() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("");
        let all = documented::commands(&root, "linnet");
        assert!(all.iter().filter(|command| command.block.is_some()).count() > 20, "blocks are found");
        understood::assert_understood::<Cli>(all);
    }

    #[test]
    fn the_books_page_of_commands_is_what_help_says() {
        let written = include_str!("../../../book/src/commands.md");
        assert!(written == page(), "write it anew: linnet man --page > book/src/commands.md");
    }
}
