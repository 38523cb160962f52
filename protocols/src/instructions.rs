//! Which of the machine's instructions the kernels use: all of them, or fewer where [`VARIABLE`] says so, to measure what another
//! machine would take, and to test what it would run.

use crate::Error;
use std::sync::OnceLock;
use strum::{IntoStaticStr, VariantArray};

/// The environment's variable that names the most that is used. Every process of a run reads it.
pub const VARIABLE: &str = "LINNET_INSTRUCTIONS";

/// What kernels of this crate may use, where the machine has it; fewer first. What libraries choose for themselves is theirs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "kebab-case")]
pub enum Instructions {
    /// No vectors but the compiler's.
    Portable,
    /// AVX2, FMA and AES-NI; NEON and AES on aarch64.
    Avx2,
    /// Beside them VAES on registers of 256 bits.
    Avx2Vaes,
    /// Whatever there is.
    All,
}

impl Instructions {
    /// Its name, as [`VARIABLE`] has it.
    pub fn name(self) -> &'static str {
        self.into()
    }

    fn named(name: &str) -> Result<Self, Error> {
        let named = Self::VARIANTS.iter().copied().find(|one| one.name() == name);
        named.ok_or_else(|| {
            let names: Vec<&str> = Self::VARIANTS.iter().map(|one| one.name()).collect();
            Error::config("environment", VARIABLE, names.join(", "), name.to_owned())
        })
    }

    /// What the environment asks for; all where it says nothing.
    ///
    /// # Errors
    /// [`Error::Config`] where it names something else.
    pub fn asked() -> Result<Self, Error> {
        std::env::var_os(VARIABLE).map_or(Ok(Self::All), |name| Self::named(&name.to_string_lossy()))
    }

    /// Whether they may be used. What is wrong in the environment counts as nothing: programs look at [`Self::asked`] first.
    pub fn allowed(self) -> bool {
        static MOST: OnceLock<Instructions> = OnceLock::new();
        self <= *MOST.get_or_init(|| Self::asked().unwrap_or(Self::All))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back_and_others_refused() {
        for one in Instructions::VARIANTS {
            assert_eq!(Instructions::named(one.name()).ok(), Some(*one));
        }
        let refused = Instructions::named("sse").unwrap_err().to_string();
        assert!(refused.contains("portable, avx2, avx2-vaes, all") && refused.contains("sse"), "{refused}");
    }
}
