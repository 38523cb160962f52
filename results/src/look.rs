//! How methods look: one colour, shape and dash a method, the same in every picture and on the page, so that a reader who has
//! learnt one picture can read the next.

use crate::seeds::seeded;

/// Colours on white, and on dark paper: each at 3 to 1 or more against its own. Those of Okabe and Ito come first, which stay apart
/// for colour-blind readers.
pub(crate) const COLOURS: [(&str, &str); 12] = [
    ("#0072b2", "#4aa8e8"),
    ("#cf5a00", "#ff8a3d"),
    ("#008f68", "#2fc79a"),
    ("#b8579a", "#e28fc0"),
    ("#6b7280", "#a9b1bb"),
    ("#a37500", "#e5c04b"),
    ("#4b3a9e", "#a79bff"),
    ("#2a94c4", "#8fdcf7"),
    ("#8c4a2f", "#d9a184"),
    ("#1f2933", "#f0f2f4"),
    ("#c2185b", "#ff7aa8"),
    ("#5d7d00", "#b5d350"),
];

/// Who always has which.
const KNOWN: [(&str, usize); 10] = [
    ("privshap", 0),
    ("snl", 1),
    ("relupruner", 2),
    ("uniform", 3),
    ("random", 4),
    ("autorep", 5),
    ("privshap-units", 6),
    ("privshap-published", 7),
    ("drop", 8),
    ("ar", 9),
];

/// Corners of the shapes around a point, of about the same area; a radius of 1 is that of a dot. The first is drawn as a circle.
pub(crate) const SHAPES: [&[(f64, f64)]; 8] = [
    &[],
    &[(0.0, -1.25), (1.12, 0.75), (-1.12, 0.75)],
    &[(-0.9, -0.9), (0.9, -0.9), (0.9, 0.9), (-0.9, 0.9)],
    &[(0.0, -1.3), (1.1, 0.0), (0.0, 1.3), (-1.1, 0.0)],
    &[
        (-0.4, -1.2),
        (0.4, -1.2),
        (0.4, -0.4),
        (1.2, -0.4),
        (1.2, 0.4),
        (0.4, 0.4),
        (0.4, 1.2),
        (-0.4, 1.2),
        (-0.4, 0.4),
        (-1.2, 0.4),
        (-1.2, -0.4),
        (-0.4, -0.4),
    ],
    &[
        (0.0, -1.4),
        (0.34, -0.45),
        (1.33, -0.43),
        (0.55, 0.18),
        (0.82, 1.13),
        (0.0, 0.58),
        (-0.82, 1.13),
        (-0.55, 0.18),
        (-1.33, -0.43),
        (-0.34, -0.45),
    ],
    &[(0.0, 1.25), (1.12, -0.75), (-1.12, -0.75)],
    &[(-1.2, -0.65), (0.0, -1.15), (1.2, -0.65), (0.75, 1.0), (-0.75, 1.0)],
];

/// Lengths of dashes and gaps; the first is a whole line.
pub(crate) const DASHES: [&str; 8] = ["none", "7 3", "2 3", "9 3 2 3", "12 4", "4 2", "1 4", "6 2 1 2"];

/// What a series is drawn with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Look {
    /// Index into [`COLOURS`].
    pub(crate) colour: usize,
    /// Index into [`SHAPES`] and [`DASHES`].
    pub(crate) mark: usize,
}

impl Look {
    /// On white.
    pub(crate) const fn on_white(self) -> &'static str {
        COLOURS[self.colour].0
    }
}

/// One look a series, given as its method and what else tells it from others. The colour is the method's: seeds share it, and so
/// does whatever differs in more than the method, which shape and dash tell apart. Methods of other names than those above get
/// what is free, beginning with a colour that their name alone decides. Where there is one method only, what else differs has
/// colours of its own, the first one the method's.
pub(crate) fn looks(series: &[(&str, &str)]) -> Vec<Look> {
    let methods: Vec<&str> = series.iter().map(|(method, _)| trained_by(method)).collect();
    let given = given(&methods);
    let of = |method: &str| given.iter().find(|(name, _)| *name == method).map_or(0, |(_, colour)| *colour);
    let mut colours: Vec<usize> = methods.iter().map(|method| of(method)).collect();
    if given.len() == 1 {
        let mut rests: Vec<&str> = Vec::new();
        for (colour, (_, rest)) in colours.iter_mut().zip(series) {
            let at = rests.iter().position(|other| other == rest).unwrap_or(rests.len());
            if at == rests.len() {
                rests.push(rest);
            }
            *colour = (*colour + at) % COLOURS.len();
        }
    }
    let before = |index: usize| colours[..index].iter().filter(|other| **other == colours[index]).count();
    (0..series.len()).map(|index| marked(colours[index], before(index))).collect()
}

/// The method without the seed of its training.
fn trained_by(method: &str) -> &str {
    seeded(method).map_or(method, |(method, _)| method)
}

/// Colours that come again do so with another shape and dash.
fn marked(colour: usize, turn: usize) -> Look {
    Look { colour, mark: (colour + colour / SHAPES.len() + turn) % SHAPES.len() }
}

/// Every method's colour, each once: those that have one always, then the others by name.
fn given<'a>(methods: &[&'a str]) -> Vec<(&'a str, usize)> {
    let known = |name: &str| KNOWN.iter().find(|(known, _)| *known == name).map(|(_, colour)| *colour);
    let mut names = methods.to_vec();
    names.sort_by_key(|name| (known(name).is_none(), *name));
    names.dedup();
    let mut given: Vec<(&str, usize)> = Vec::new();
    for name in names {
        let free = |colour: &usize| !given.iter().any(|(_, other)| other == colour);
        let first = start(name);
        let next = (0..COLOURS.len()).map(|step| (first + step) % COLOURS.len()).find(free);
        given.push((name, known(name).or(next).unwrap_or(first)));
    }
    given
}

/// The colour that a name begins to look at, by Fowler, Noll and Vo's hash.
fn start(name: &str) -> usize {
    let hash = name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    (hash % COLOURS.len() as u64) as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    fn of(methods: &[&str]) -> Vec<Look> {
        looks(&methods.iter().map(|method| (*method, "")).collect::<Vec<_>>())
    }

    fn colour(methods: &[&str], method: &str) -> usize {
        of(methods)[methods.iter().position(|other| *other == method).unwrap()].colour
    }

    #[test]
    fn a_known_method_has_its_colour_beside_any_other() {
        for others in [&["snl", "privshap"][..], &["privshap", "ar", "mine"], &["zzz", "aaa", "privshap"]] {
            assert_eq!(colour(others, "privshap"), 0, "{others:?}");
        }
        let known: HashSet<usize> = KNOWN.iter().map(|(_, colour)| *colour).collect();
        assert_eq!(known.len(), KNOWN.len(), "no two share one");
    }

    #[test]
    fn seeds_share_the_colour_and_not_the_mark() {
        let [first, second, snl] = of(&["privshap-seed1", "privshap-seed2", "snl"])[..] else { panic!() };
        assert_eq!((first.colour, second.colour, snl.colour), (0, 0, 1));
        assert_ne!(first.mark, second.mark);
        let [first, second] = of(&["privshap-seed1", "privshap-seed2"])[..] else { panic!() };
        assert_eq!((first.colour, second.colour), (0, 0), "alone too");
    }

    #[test]
    fn all_known_methods_and_two_more_are_told_apart() {
        let mut methods: Vec<&str> = KNOWN.iter().map(|(name, _)| *name).collect();
        methods.extend(["privshap-online@wan", "snl-online@wan"]);
        let colours: HashSet<usize> = of(&methods).iter().map(|look| look.colour).collect();
        assert_eq!(colours.len(), methods.len());
        let first: HashSet<usize> = of(&methods[..8]).iter().map(|look| look.mark).collect();
        assert_eq!(first.len(), 8, "and eight by shape and dash alone");
    }

    #[test]
    fn other_names_keep_their_colour_whatever_the_order() {
        let (one, other) = (["snl", "mine", "yours"], ["yours", "snl", "mine"]);
        assert_eq!(one.map(|name| colour(&one, name)), one.map(|name| colour(&other, name)));
        assert_eq!(colour(&["mine", "ar"], "mine"), colour(&["yours", "mine", "ar"], "mine"));
    }

    #[test]
    fn what_differs_in_one_method_has_colours_of_its_own() {
        let found = looks(&[("privshap", "sign"), ("privshap", "narrow"), ("privshap-seed2", "narrow")]);
        assert_eq!(found.iter().map(|look| look.colour).collect::<Vec<_>>(), [0, 1, 1]);
        assert_ne!(found[1].mark, found[2].mark);
    }

    #[test]
    fn more_methods_than_colours_differ_in_the_mark() {
        let names: Vec<String> = (0..20).map(|index| format!("m{index}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let found: HashSet<(usize, usize)> = of(&names).iter().map(|look| (look.colour, look.mark)).collect();
        assert_eq!(found.len(), 20);
    }
}
