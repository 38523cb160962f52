//! Which noise and which code an extension has. `security.rs` holds every set to 128 bits against the attacks it counts.
//!
//! A set is bounded by what solving its sparse system for noiseless rows costs: about `t s / n` nats for the `s` columns that an
//! attacker cannot do without, so that `k` grows with a block's size and bytes fall with it. Sets published for Ferret were chosen
//! for dense codes: by the count here, the largest of them keeps 72 bits.

/// Ones of a row of the code, fewer where two of them meet.
pub(super) const LOCALITY: usize = 10;

/// A regular-noise LPN problem.
#[derive(Clone, Copy)]
pub(super) struct Set {
    /// k: secrets, correlated OTs that are consumed for the code to spread.
    pub(super) secrets: usize,
    /// t: blocks, of one noisy position each.
    pub(super) blocks: usize,
    /// log2 of a block's size: correlated OTs that a block's tree consumes.
    pub(super) depth: usize,
}

impl Set {
    /// Correlated OTs that a block makes.
    pub(super) const fn block(&self) -> usize {
        1 << self.depth
    }

    /// n: correlated OTs that all blocks make.
    pub(super) const fn total(&self) -> usize {
        self.blocks << self.depth
    }

    /// Correlated OTs that it consumes.
    pub(super) const fn consumed(&self) -> usize {
        self.secrets + self.blocks * self.depth
    }
}

/// How many correlated OTs are made from one stock of secrets before the next. The more there are, the fewer bytes each takes,
/// and the more memory and time go into the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Batch {
    /// 1,052,672: a quarter of a byte each, tables of 1.2 MB.
    Million,
    /// 10,211,328: a seventh of a byte each, tables of 2.8 MB.
    TenMillions,
    /// 40: twelve blocks of eight, which hide nothing.
    #[cfg(test)]
    Tiny,
}

impl Batch {
    /// Those that are safe.
    pub const ALL: [Self; 2] = [Self::Million, Self::TenMillions];

    /// Its name in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Million => "batches of a million",
            Self::TenMillions => "batches of ten millions",
            #[cfg(test)]
            Self::Tiny => "tiny batches",
        }
    }

    /// The parameters of the problem that each batch hides behind, for people.
    pub fn parameters(self) -> String {
        let Set { secrets, blocks, depth } = self.main();
        format!("{secrets} secrets, {blocks} blocks of {} and {LOCALITY} ones a row", 1 << depth)
    }

    /// Correlated OTs on random choices that the parties begin with.
    pub const fn stock(self) -> usize {
        self.first().consumed()
    }

    /// Correlated OTs that each set of secrets makes for use.
    pub const fn size(self) -> usize {
        let main = self.main();
        main.total() - self.reserved() * main.block()
    }

    /// The set that makes of the stock what the first of the main sets consumes.
    pub(super) const fn first(self) -> Set {
        match self {
            Self::Million => Set { secrets: 16_384, blocks: 735, depth: 7 },
            Self::TenMillions => Set { secrets: 34_816, blocks: 1_072, depth: 8 },
            #[cfg(test)]
            Self::Tiny => Set { secrets: 8, blocks: 13, depth: 2 },
        }
    }

    /// The set that makes of its last blocks what its successor consumes.
    pub(super) const fn main(self) -> Set {
        match self {
            Self::Million => Set { secrets: 73_728, blocks: 2_240, depth: 9 },
            Self::TenMillions => Set { secrets: 172_032, blocks: 10_240, depth: 10 },
            #[cfg(test)]
            Self::Tiny => Set { secrets: 16, blocks: 12, depth: 3 },
        }
    }

    /// Last blocks of a main set that its successor consumes.
    pub(super) const fn reserved(self) -> usize {
        let main = self.main();
        main.consumed().div_ceil(main.block())
    }
}

/// Every first set makes enough, and every main set more than it consumes; the code goes by four rows.
const fn sound(batch: Batch) -> bool {
    let (first, main) = (batch.first(), batch.main());
    first.total() >= main.consumed() && batch.reserved() < main.blocks && first.depth >= 2 && main.depth >= 2
}
const _: () = assert!(sound(Batch::Million) && sound(Batch::TenMillions));
#[cfg(test)]
const _: () = assert!(sound(Batch::Tiny));
