//! Bytes that Cheetah sends for a network, from what was measured of it layer by layer.
//!
//! Source of the packing: Huang, Lu, Hong and Ding, "Cheetah: Lean and Fast Secure Two-Party Deep Neural Network Inference"
//! (USENIX Security 2022), section 4: a ciphertext of 4,096 coefficients takes as many padded channels as fit; of every group of
//! input channels one goes to the server, of every output channel one comes back, without the coefficients that nobody needs. What
//! these take was fitted to its own program's seven measured layers (shares of 37 bits) and gives each of them within 1 %.

/// A square convolution that keeps its input's size, but for the stride.
#[derive(Clone, Copy)]
struct Convolution {
    side: u32,
    channels: u32,
    out: u32,
    window: u32,
    stride: u32,
}

/// Coefficients of a ciphertext.
const DEGREE: u32 = 4096;
/// Bytes of a group of input channels.
const GROUP: f64 = 62_860.0;
/// Bytes of an output channel, and of a coefficient that it keeps.
const CHANNEL: f64 = 30_460.0;
const COEFFICIENT: f64 = 6.43;
/// Bytes of a ReLU with truncation on shares of 37 bits, silent OT, measured likewise.
const RELU: f64 = 76.0;

impl Convolution {
    fn bytes(self) -> f64 {
        let padded = self.side + self.window - 1;
        let together = (DEGREE / padded.pow(2)).clamp(1, self.channels);
        let kept = (self.side / self.stride).pow(2);
        let channel = CHANNEL + COEFFICIENT * f64::from(kept);
        GROUP * f64::from(self.channels.div_ceil(together)) + channel * f64::from(self.out)
    }
}

/// Megabytes of a ResNet18 on CIFAR's shapes that keeps `relus` ReLUs: its convolutions and ReLUs, without the last layer and
/// without whatever linearized units take.
pub(super) fn resnet18(relus: u32) -> f64 {
    let layer = |side, channels, out, window, stride| Convolution { side, channels, out, window, stride };
    let mut layers = vec![layer(32, 3, 64, 3, 1)];
    let (mut side, mut channels) = (32, 64);
    for (out, stride) in [(64, 1), (128, 2), (256, 2), (512, 2)] {
        layers.push(layer(side, channels, out, 3, stride));
        if stride > 1 {
            layers.push(layer(side, channels, out, 1, stride));
        }
        (side, channels) = (side / stride, out);
        layers.extend([layer(side, channels, out, 3, 1); 3]);
    }
    let linear: f64 = layers.into_iter().map(Convolution::bytes).sum();
    (linear + RELU * f64::from(relus)) / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn measured_layers_are_met() {
        let measured = [
            (32, 16, 16, 3, 0.93),
            (16, 32, 32, 3, 1.16),
            (8, 64, 64, 3, 2.00),
            (32, 64, 64, 3, 3.58),
            (56, 64, 256, 1, 16.2),
            (56, 64, 64, 3, 6.9),
            (14, 256, 256, 3, 8.7),
        ];
        for (side, channels, out, window, mebibytes) in measured {
            let bytes = Convolution { side, channels, out, window, stride: 1 }.bytes();
            let ratio = bytes / f64::from(1 << 20) / mebibytes;
            assert!((0.99..1.01).contains(&ratio), "{side}x{side} {channels}->{out}: {ratio}");
        }
    }

    #[test]
    fn a_resnet18_is_the_sum_of_its_layers() {
        assert!((160.0..165.0).contains(&resnet18(0)), "{}", resnet18(0));
        assert!((resnet18(50_000) - resnet18(0) - 3.8).abs() < 1e-9);
    }
}
