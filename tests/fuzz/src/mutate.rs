//! Mutations of inputs, as a fuzzer would make them, from a seed.

/// Values that lengths and counts go wrong at.
const EDGES: [u64; 12] =
    [0, 1, 2, 0x7f, 0x80, 0xff, 0x7fff, 0xffff, 0x7fff_ffff, 0xffff_ffff, i64::MAX as u64, u64::MAX];

/// A stream of numbers (SplitMix64), for choices that no secret depends on.
pub(crate) struct Choices(u64);

impl Choices {
    /// Those that a name gives.
    pub(crate) fn of(name: &str) -> Self {
        // FNV-1a.
        Self(name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        }))
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`, or 0.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % (end as u64).max(1)).expect("it is below a usize")
    }

    /// One of them.
    pub(crate) fn one<'a>(&mut self, of: &'a [Vec<u8>]) -> &'a [u8] {
        &of[self.below(of.len())]
    }

    /// A range within `length`, mostly a short one.
    fn range(&mut self, length: usize) -> std::ops::Range<usize> {
        let start = self.below(length + 1);
        let longest = if self.below(4) == 0 { length - start } else { (length - start).min(16) };
        start..start + self.below(longest + 1)
    }
}

/// Changes an input at one to four places; `other` is one to take parts from.
pub(crate) fn mutate(input: &mut Vec<u8>, other: &[u8], choices: &mut Choices) {
    for _ in 0..=choices.below(4) {
        once(input, other, choices);
    }
}

fn once(input: &mut Vec<u8>, other: &[u8], choices: &mut Choices) {
    let length = input.len();
    match choices.below(9) {
        0 => input.truncate(choices.below(length + 1)),
        1 | 2 if length > 0 => input[choices.below(length)] ^= 1 << choices.below(8),
        3 if length > 0 => input[choices.below(length)] = choices.next().to_le_bytes()[0],
        // A length or a count, little-endian or big-endian.
        4 | 5 => {
            let width = [1, 2, 4, 8][choices.below(4)].min(length);
            let at = choices.below(length - width + 1);
            let edge = EDGES[choices.below(EDGES.len())];
            let value =
                if choices.below(2) == 0 { edge.to_le_bytes() } else { edge.rotate_left(32).to_be_bytes() };
            input[at..at + width].copy_from_slice(&value[..width]);
        }
        6 => {
            let doubled = input[choices.range(length)].to_vec();
            let at = choices.below(length + 1);
            input.splice(at..at, doubled);
        }
        7 => {
            input.drain(choices.range(length));
        }
        _ => {
            let part = other[choices.range(other.len())].iter().copied();
            input.splice(choices.range(length), part);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mutations_are_those_of_the_name() {
        let made = |name: &str| {
            let mut choices = Choices::of(name);
            let mut made = Vec::new();
            for _ in 0..2000 {
                let mut input = b"an input".to_vec();
                mutate(&mut input, b"another one", &mut choices);
                made.push(input);
            }
            made
        };
        assert_eq!(made("a"), made("a"));
        assert_ne!(made("a"), made("b"));
        let changed = made("a").iter().filter(|input| *input != b"an input").count();
        assert!(changed > 1700, "{changed} of 2000");
        mutate(&mut Vec::new(), b"", &mut Choices::of("nothing"));
    }
}
