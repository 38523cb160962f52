//! How the correlated OTs of a session are made.

use crate::block::SECURITY_BITS;
use serde::{Deserialize, Serialize};
use strum::{EnumCount, EnumMessage, IntoStaticStr, VariantArray};

/// How base OTs become correlated OTs: the more bits of the offset a column of an extension serves, the fewer bytes travel and the
/// more is computed; silent OT sends fewest.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    Serialize,
    Deserialize,
    EnumCount,
    EnumMessage,
    IntoStaticStr,
    VariantArray,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum OtVariant {
    /// IKNP: 16 bytes and two cipher blocks a transfer.
    Iknp,
    /// SoftSpoken OT with k = 2: 8 bytes and two cipher blocks a transfer.
    Softspoken2,
    /// SoftSpoken OT with k = 4: 4 bytes and four cipher blocks a transfer.
    #[default]
    Softspoken4,
    /// SoftSpoken OT with k = 8: 2 bytes and 32 cipher blocks a transfer.
    Softspoken8,
    /// Silent OT: a quarter of a byte and 4 cipher blocks a transfer, and 0.4 MB of what they are made from once a session.
    Silent,
}

impl OtVariant {
    /// All of them.
    pub const ALL: [Self; Self::COUNT] = match Self::VARIANTS.first_chunk() {
        Some(all) => *all,
        None => unreachable!(),
    };

    /// The name used on the command line and in results.
    pub fn name(self) -> &'static str {
        self.into()
    }

    /// What it does, for help texts: its documentation here.
    pub fn summary(self) -> &'static str {
        self.get_documentation().unwrap_or_default().trim_end_matches('.')
    }

    /// The variant of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|variant| variant.name() == name)
    }

    /// The extension of base OTs: its own, or that which makes the stock of silent OT.
    pub const fn extension(self) -> Self {
        match self {
            Self::Silent => Self::Softspoken4,
            Self::Iknp | Self::Softspoken2 | Self::Softspoken4 | Self::Softspoken8 => self,
        }
    }

    /// Whether transfers are made from a stock.
    pub const fn is_silent(self) -> bool {
        matches!(self, Self::Silent)
    }

    /// Bits that travel for a transfer whose choice is random, rounded up.
    pub const fn transfer_bits(self) -> usize {
        if self.is_silent() { 3 } else { self.groups() }
    }

    /// k of the extension: bits of the offset that one column serves. It divides [`SECURITY_BITS`].
    pub const fn depth(self) -> usize {
        match self.extension() {
            Self::Iknp => 1,
            Self::Softspoken2 => 2,
            Self::Softspoken4 | Self::Silent => 4,
            Self::Softspoken8 => 8,
        }
    }

    /// Columns that travel, and trees of keys.
    pub const fn groups(self) -> usize {
        SECURITY_BITS / self.depth()
    }

    /// Keys of a group, each of a stream of its own.
    pub const fn keys(self) -> usize {
        1 << self.depth()
    }
}
