//! Negacyclic transforms modulo one prime: those of `tfhe-ntt`, or this project's own where that library has no fast ones.
//!
//! In NTT form, number j of a row is the value at psi^(2 rev(j) + 1), rev reversing log2 N bits, for the primitive 2N-th root psi
//! that `tfhe-ntt` finds.

use super::super::modular::Modulus;
use crate::Error;
#[cfg(target_arch = "x86_64")]
use crate::instructions::Instructions;
#[cfg(target_arch = "x86_64")]
use crate::simd::DoubleTransform;
use tfhe_ntt::prime64::Plan;

/// Transforms of rows of one length modulo one prime. Rows are reduced before and after.
pub struct Transform {
    pub(super) modulus: Modulus,
    plan: Plan,
    /// Instead of the plan's, where they are faster: on AVX2, which the library uses for integers of 64 bits, and that takes
    /// longer than doubles do.
    #[cfg(target_arch = "x86_64")]
    doubles: Option<DoubleTransform>,
}

impl Transform {
    /// For rows of `degree` numbers modulo `q`, a prime that is one modulo 2 `degree`.
    ///
    /// # Errors
    /// [`Error::Config`] where there is no such transform.
    pub fn new(degree: usize, q: u64) -> Result<Self, Error> {
        let plan = Plan::try_new(degree, q).ok_or_else(|| {
            Error::config(
                "he",
                "ring degree",
                format!("a power of two from 16, and {q} one modulo twice it"),
                degree.to_string(),
            )
        })?;
        let modulus = Modulus::new(q);
        #[cfg(target_arch = "x86_64")]
        {
            let doubles = (!(Instructions::All.allowed() && is_x86_feature_detected!("avx512ifma")))
                .then(|| Self::in_doubles(&plan, &modulus));
            Ok(Self { modulus, doubles: doubles.flatten(), plan })
        }
        #[cfg(not(target_arch = "x86_64"))]
        Ok(Self { modulus, plan })
    }

    /// The same transforms in doubles, where the machine and the prime allow it.
    #[cfg(target_arch = "x86_64")]
    fn in_doubles(plan: &Plan, modulus: &Modulus) -> Option<DoubleTransform> {
        // X at the first point is the root itself.
        let mut x = vec![0; plan.ntt_size()];
        x[1] = 1;
        plan.fwd(&mut x);
        DoubleTransform::new(x.len(), modulus.value(), x[0])
    }

    /// To NTT form.
    pub fn forward(&self, row: &mut [u64]) {
        #[cfg(target_arch = "x86_64")]
        if let Some(doubles) = &self.doubles {
            return doubles.forward(row);
        }
        self.plan.fwd(row);
    }

    /// From NTT form.
    pub fn inverse(&self, row: &mut [u64]) {
        #[cfg(target_arch = "x86_64")]
        if let Some(doubles) = &self.doubles {
            return doubles.inverse(row);
        }
        self.plan.inv(row);
        self.plan.normalize(row);
    }

    /// From the NTT form of two polynomials to the coefficients of their product, in `left`.
    pub(super) fn inverse_of_product(&self, left: &mut [u64], right: &[u64]) {
        #[cfg(target_arch = "x86_64")]
        if let Some(doubles) = &self.doubles {
            return doubles.inverse_of_product(left, right);
        }
        self.plan.mul_assign_normalize(left, right);
        self.plan.inv(left);
    }

    /// `sum += left * right`, in NTT form.
    pub(super) fn multiply_add(&self, sum: &mut [u64], left: &[u64], right: &[u64]) {
        self.plan.mul_accumulate(sum, left, right);
    }
}

#[cfg(test)]
mod tests {
    use super::super::ring::Ring;
    use super::*;
    use rand::Rng;

    /// Of random values and of the largest, for degrees with an even and an odd number of levels.
    #[cfg(target_arch = "x86_64")]
    #[test]
    fn transforms_in_doubles_are_the_same() {
        let mut rng = rand::rng();
        for (degree, bits) in [(64, 50), (128, 51), (2048, 36), (4096, 51), (4096, 50), (8192, 51)] {
            let ring = Ring::new(degree, &[bits]).unwrap();
            let Transform { modulus, plan, .. } = &ring.rows[0];
            let Some(doubles) = Transform::in_doubles(plan, modulus) else {
                println!("skipped: this machine has no AVX2 and FMA");
                return;
            };
            let q = modulus.value();
            let near = (0..degree).map(|i| if i.is_multiple_of(2) { q - 1 } else { q / 2 }).collect();
            let rows = (0..20).map(|_| (0..degree).map(|_| rng.random_range(0..q)).collect());
            for row in rows.chain([near, vec![q - 1; degree], vec![0; degree]]) {
                let row: Vec<u64> = row;
                let (mut expected, mut found) = (row.clone(), row.clone());
                plan.fwd(&mut expected);
                doubles.forward(&mut found);
                assert!(found == expected, "{degree} modulo {q}");
                doubles.inverse(&mut found);
                assert!(found == row, "back, {degree} modulo {q}");
                let (mut product, mut expected) = (row.clone(), row.clone());
                doubles.inverse_of_product(&mut product, &row);
                plan.mul_assign_normalize(&mut expected, &row);
                plan.inv(&mut expected);
                assert!(product == expected, "a square, {degree} modulo {q}");
            }
        }
    }
}
