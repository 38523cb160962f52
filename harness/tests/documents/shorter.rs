//! What is typed otherwise than it stands, so that it takes seconds and runs on one machine.

/// Options that a command gets, in place of its own where it has them.
const OPTIONS: [(&str, &str); 8] = [
    ("train", "--epochs 1 --limit 100"),
    ("linearize", "--limit 20 --pr-epochs 1 --ft-epochs 1 --eval-limit 20 --shapley-images 10 --depth 1"),
    ("shapley", "--shapley-images 10 --depth 1"),
    // A network of random weights keeps no classes.
    ("sweep", "--agreement 0 --calibration-images 8 --accuracy-images 4 --images 1 --warmups 0"),
    ("run", "--agreement 0 --calibration-images 8 --accuracy-images 4 --images 1 --warmups 0"),
    ("predict", "--agreement 0 --calibration-images 8"),
    ("serve", "--agreement 0 --calibration-images 8"),
    ("query", "--images 1"),
];

/// Words that stand for something of the reader's, or for what takes long.
const WORDS: [(&str, &str); 4] = [
    ("0.0.0.0:7707", "127.0.0.1:0"),
    ("CLAIM", "claim"),
    ("noise:3x224x224:1000", "noise:3x64x64:10"),
    ("resnet50", "resnet20"),
];

/// Where clients of the documents' server find it.
const SERVER: &str = "SERVER:7707";

/// The words of a command with what makes it take seconds; `serving` is where a server listens.
pub(crate) fn shorter(words: &[String], serving: Option<&str>) -> Vec<String> {
    let replaced = |word: &String| {
        let other = WORDS.iter().find(|(from, _)| from == word).map(|(_, to)| *to);
        let other = other.or(serving.filter(|_| word == SERVER));
        other.map_or_else(|| word.clone(), str::to_owned)
    };
    let mut all: Vec<String> = words.iter().map(replaced).collect();
    // What goes on with a run has the options that it began with.
    if words.iter().any(|word| word == "--resume") {
        return all;
    }
    let options = OPTIONS.iter().filter(|(command, _)| *command == words[1]);
    let mut options = options.flat_map(|(_, options)| options.split_whitespace());
    while let (Some(option), Some(value)) = (options.next(), options.next()) {
        match all.iter().position(|word| word == option) {
            Some(place) => all[place + 1] = value.to_owned(),
            None => all.extend([option, value].map(str::to_owned)),
        }
    }
    all
}

#[test]
fn options_are_replaced_or_added() {
    let typed = |line: &str| line.split(' ').map(str::to_owned).collect::<Vec<_>>();
    let query = shorter(&typed("linnet query --images 20 --connect SERVER:7707"), Some("127.0.0.1:99"));
    assert_eq!(query.join(" "), "linnet query --images 1 --connect 127.0.0.1:99");
    assert_eq!(shorter(&typed("linnet query"), None).join(" "), "linnet query --images 1");
    assert_eq!(shorter(&typed("linnet sweep --resume a"), None).join(" "), "linnet sweep --resume a");
}
