//! The commands that documents tell readers to type, for tests that hold them against what the programs understand. Whole commands
//! stand in fenced blocks; within sentences a command may lack what it requires.

use std::path::{Path, PathBuf};

/// A command as it stands in a document.
pub(crate) struct Documented {
    /// The document.
    pub(crate) file: PathBuf,
    /// Its words, the program first.
    pub(crate) words: Vec<String>,
    /// In which fenced block of the document it stands, so that it can be typed as it is; in none within a sentence.
    pub(crate) block: Option<usize>,
}

/// Commands of `program` in README, the book, the examples and what is told of results.
pub(crate) fn commands(root: &Path, program: &str) -> Vec<Documented> {
    let mut files = Vec::new();
    for folder in ["", "book/src", "examples", "results", "results/python", ".github/workflows"] {
        let Ok(entries) = std::fs::read_dir(root.join(folder)) else { continue };
        files.extend(entries.map(|entry| entry.expect("a folder is read to its end").path()));
    }
    let studies = std::fs::read_dir(root.join("results/studies")).expect("there are studies");
    files.extend(studies.map(|entry| entry.expect("a folder is read to its end").path().join("README.md")));
    files.retain(|file| file.extension().is_some_and(|end| end == "md" || end == "yml") && file.is_file());
    // What `--help` prints is what is understood.
    files.retain(|file| !file.ends_with("commands.md") && !file.ends_with("training-commands.md"));
    files.sort();
    let of = |file: &PathBuf| {
        let text = std::fs::read_to_string(file).expect("a document is text");
        let found = in_text(&text, program);
        found
            .into_iter()
            .map(|(words, block)| Documented { file: file.clone(), words, block })
            .collect::<Vec<_>>()
    };
    files.iter().flat_map(of).collect()
}

fn in_text(text: &str, program: &str) -> Vec<(Vec<String>, Option<usize>)> {
    let begins = format!("{program} ");
    let (mut blocks, mut prose, mut within) = (Vec::<String>::new(), String::new(), false);
    for line in text.lines() {
        match line.trim_start().starts_with("```") {
            true if within => within = false,
            true => {
                within = true;
                blocks.push(String::new());
            }
            false if within => *blocks.last_mut().expect("one was begun") += &format!("{line}\n"),
            false => prose += &format!("{line}\n"),
        }
    }
    let mut found = Vec::new();
    for (index, block) in blocks.iter().enumerate() {
        for line in block.replace("\\\n", " ").lines() {
            let line = line.trim_start().trim_start_matches("$ ").trim_start_matches("- run: ");
            if line.starts_with(&begins) {
                // Several commands in a line are joined by `&&`.
                found.extend(line.split("&&").map(|one| (words(one), Some(index))));
            }
        }
    }
    // Between backticks, over the ends of lines too.
    for (index, code) in prose.split('`').enumerate() {
        let code = code.split_whitespace().collect::<Vec<_>>().join(" ");
        if index % 2 == 1 && code.starts_with(&begins) && !code.contains("...") {
            found.push((words(&code), None));
        }
    }
    found
}

/// As a shell takes a line apart, as far as documents need it: quotes, and what follows a `#`.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    for character in line.chars() {
        match (quote, character) {
            (Some(open), _) if character == open => quote = None,
            (None, '"' | '\'') => {
                quote = Some(character);
                word.get_or_insert_default();
            }
            (None, '#') if word.is_none() => break,
            (None, _) if character.is_whitespace() => words.extend(word.take()),
            _ => word.get_or_insert_default().push(character),
        }
    }
    words.extend(word);
    words
}

#[test]
fn commands_are_found_in_blocks_and_between_backticks() {
    let text = "Do `linnet run --model\nDIR` or `linnet launch ... --slurm`:\n\n```sh\n$ linnet sweep \"a b\" \\\n  --id 'x'   # why\n\
                cargo test\n```\nand ``code``\n```\nlinnet doctor\n```\n";
    let found = in_text(text, "linnet");
    let told: Vec<(String, Option<usize>)> =
        found.into_iter().map(|(words, block)| (words.join("|"), block)).collect();
    let expected =
        [("linnet|sweep|a b|--id|x", Some(0)), ("linnet|doctor", Some(1)), ("linnet|run|--model|DIR", None)];
    assert_eq!(told, expected.map(|(words, block)| (words.to_owned(), block)));
}
