//! In which numbers a network computes, and how its tensors lie in memory.
//!
//! Where a device multiplies bfloat16 in hardware (a graphics card, and processors with AVX-512 BF16, which all with AMX
//! have), training computes convolutions and what lies between them in it. Weights, running statistics, losses, optimizers
//! and reported accuracies stay in 32 bits. Channels lie innermost everywhere: what tensor cores want, and what oneDNN
//! multiplies by a fifth faster on a processor.
//! bfloat16 has the exponents of a 32-bit float, so losses need no scaling. libtorch's own autocasting
//! (`tch::autocast`) is not used: tch cannot set its type, which is float16, and has no loss scaling for that.

use tch::{Device, Kind, Tensor};

/// The numbers that a forward pass computes in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precision {
    /// 32-bit floats throughout.
    Full,
    /// bfloat16 for images, activations and the weights that multiply them; batch norm's parameters stay in 32 bits.
    Mixed,
}

impl Precision {
    /// What training uses on `device`: mixed where that multiplies bfloat16 in hardware.
    pub fn of(device: Device) -> Self {
        match device {
            Device::Cuda(_) => Self::Mixed,
            Device::Cpu if multiplies_bfloat16() => Self::Mixed,
            Device::Cpu | Device::Mps | Device::Vulkan => Self::Full,
        }
    }

    /// In words.
    pub fn name(self) -> &'static str {
        match self {
            Self::Full => "32-bit floats",
            Self::Mixed => "bfloat16",
        }
    }

    /// `tensor` as this precision multiplies it: itself, or rounded to bfloat16.
    pub(crate) fn rounded(self, tensor: &Tensor) -> Tensor {
        match self {
            Self::Full => tensor.shallow_clone(),
            Self::Mixed => tensor.to_kind(Kind::BFloat16),
        }
    }
}

/// Without such instructions bfloat16 takes about 95 times as long as 32 bits.
fn multiplies_bfloat16() -> bool {
    #[cfg(target_arch = "x86_64")]
    return std::arch::is_x86_feature_detected!("avx512bf16");
    #[cfg(not(target_arch = "x86_64"))]
    return false;
}

/// `tensor` as it should lie in memory: one of four dimensions (N, C, H, W) with channels innermost.
pub(crate) fn laid_out(tensor: Tensor) -> Tensor {
    if tensor.dim() == 4 { channels_last(&tensor) } else { tensor }
}

/// The same values, (N, C, H, W) still, with channels innermost in memory: libtorch knows the order by its strides.
fn channels_last(tensor: &Tensor) -> Tensor {
    tensor.permute([0, 2, 3, 1]).contiguous().permute([0, 3, 1, 2])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::values;

    #[test]
    fn mixed_where_the_hardware_multiplies_it() {
        assert_eq!(Precision::of(Device::Cpu) == Precision::Mixed, multiplies_bfloat16());
        assert_eq!(Precision::of(Device::Cuda(0)), Precision::Mixed);
    }

    #[test]
    fn full_precision_rounds_nothing() {
        let third = Tensor::from_slice(&[1f32 / 3.0]);
        assert_eq!(values(&Precision::Full.rounded(&third)), [1.0 / 3.0]);
        // 1/3 to eight significant bits: 171 / 512.
        assert_eq!(values(&Precision::Mixed.rounded(&third)), [171.0 / 512.0]);
    }

    #[test]
    fn channels_last_moves_memory_alone() {
        let numbers: Vec<f32> = (0..2 * 3 * 4 * 5u8).map(f32::from).collect();
        let tensor = Tensor::from_slice(&numbers).reshape([2, 3, 4, 5]);
        let moved = channels_last(&tensor);
        assert_eq!((moved.size(), moved.stride()), (vec![2, 3, 4, 5], vec![60, 1, 15, 3]));
        assert_eq!(values(&moved), numbers);
        assert_eq!(laid_out(tensor).stride(), [60, 1, 15, 3]);
        assert_eq!(laid_out(Tensor::from_slice(&numbers)).stride(), [1]);
    }
}
