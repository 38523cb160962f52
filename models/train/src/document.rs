//! The book's page of the commands that train, from what `--help` says of them.

use clap::Command;
use std::fmt::Write;

/// Characters of a line of help.
const WIDTH: usize = 110;

const HEAD: &str = "# Commands that train

What `linnet train --help` and its like print. `linnet-train`, which lies beside `linnet`, does the work and may be called itself.
";

/// The page of the commands of `all` that are not hidden.
pub(crate) fn page(all: Command) -> String {
    let mut text = HEAD.to_owned();
    let mut all = all.name("linnet").term_width(WIDTH);
    all.build();
    for command in all.get_subcommands_mut() {
        if command.is_hide_set() || command.get_name() == "help" {
            continue;
        }
        let help = command.render_long_help().to_string();
        let name = command.get_bin_name().unwrap_or_default().to_owned();
        let lines: Vec<&str> = help.lines().map(str::trim_end).collect();
        writeln!(text, "\n## `{name}`\n\n```text\n{}\n```", lines.join("\n").trim_end())
            .expect("a string takes every text");
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
    use crate::Cli;
    use clap::CommandFactory;
    use std::path::Path;

    #[test]
    fn the_books_page_of_commands_is_what_help_says() {
        let written = include_str!("../../../book/src/training-commands.md");
        let page = page(Cli::command());
        assert!(written == page, "write it anew: linnet-train page > book/src/training-commands.md");
    }

    #[test]
    fn what_documents_tell_readers_to_type_is_understood() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("it lies two below");
        let all = documented::commands(root, "linnet").into_iter();
        let ours = |command: &documented::Documented| {
            let name = command.words.get(1).map(String::as_str);
            name.is_some_and(|name| ["train", "linearize", "shapley"].contains(&name))
        };
        let ours: Vec<documented::Documented> = all.filter(ours).collect();
        assert!(ours.iter().filter(|command| command.block.is_some()).count() > 4, "blocks are found");
        understood::assert_understood::<Cli>(ours);
    }
}
