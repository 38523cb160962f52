//! Pictures brought to a size, as torchvision's `Resize` and `CenterCrop` do it: the shorter side becomes so many pixels, by a
//! triangle filter as wide as the picture shrinks (bilinear with antialias), and the middle is cut out.
//!
//! Pillow rounds to bytes between rows and columns and this does not, so a value may differ by one from its.

use super::super::crop::Crop;
use image::imageops::{FilterType, resize};
use image::{ImageBuffer, Luma, Pixel, Rgb};

/// A picture of 8-bit pixels, row by row, the channels of a pixel side by side.
pub(in crate::data) struct Picture {
    pub(super) width: usize,
    pub(super) height: usize,
    /// One (luma) or three (red, green, blue).
    pub(super) channels: usize,
    pub(super) pixels: Vec<u8>,
}

impl Picture {
    /// With so many channels: luma as Pillow has it, (299 R + 587 G + 114 B) / 1000, or the one plane three times.
    pub(super) fn of_channels(self, channels: usize) -> Self {
        let pixels = match (self.channels, channels) {
            (3, 1) => self.pixels.chunks_exact(3).map(luma).collect(),
            (1, 3) => self.pixels.iter().flat_map(|x| [*x; 3]).collect(),
            _ => self.pixels,
        };
        Self { channels, pixels, ..self }
    }

    /// Resized and cut out, plane by plane.
    pub(super) fn cropped(self, crop: Crop) -> Vec<u8> {
        let picture = self.of_channels(crop.shape.c).resized(crop.resize);
        let middle = |whole: usize, part: usize| (((whole - part) as f64) / 2.0).round_ties_even() as usize;
        let top = middle(picture.height, crop.shape.h);
        let left = middle(picture.width, crop.shape.w);
        picture.planes(|row, column| (top + row, left + column), crop.shape.h, crop.shape.w)
    }

    /// As it is, plane by plane.
    pub(super) fn whole(self) -> Vec<u8> {
        self.planes(|row, column| (row, column), self.height, self.width)
    }

    fn planes(&self, at: impl Fn(usize, usize) -> (usize, usize), height: usize, width: usize) -> Vec<u8> {
        let mut planes = Vec::with_capacity(self.channels * height * width);
        for channel in 0..self.channels {
            for row in 0..height {
                planes.extend((0..width).map(|column| {
                    let (y, x) = at(row, column);
                    self.pixels[(y * self.width + x) * self.channels + channel]
                }));
            }
        }
        planes
    }

    /// With a shorter side of `side` pixels; the longer one is rounded down.
    fn resized(self, side: usize) -> Self {
        let (width, height) = match self.width <= self.height {
            true => (side, side * self.height / self.width),
            false => (side * self.width / self.height, side),
        };
        if (width, height) == (self.width, self.height) {
            return self;
        }
        let size = (width, height);
        let pixels = match self.channels {
            1 => filtered::<Luma<u8>>(self.width, self.height, self.pixels, size),
            _ => filtered::<Rgb<u8>>(self.width, self.height, self.pixels, size),
        };
        Self { width, height, channels: self.channels, pixels }
    }
}

fn filtered<P: Pixel<Subpixel = u8> + 'static>(
    width: usize,
    height: usize,
    pixels: Vec<u8>,
    (to_width, to_height): (usize, usize),
) -> Vec<u8> {
    let image = ImageBuffer::<P, _>::from_raw(width as u32, height as u32, pixels);
    let image = image.expect("a picture has all its pixels");
    resize(&image, to_width as u32, to_height as u32, FilterType::Triangle).into_raw()
}

fn luma(pixel: &[u8]) -> u8 {
    let [r, g, b] = [pixel[0], pixel[1], pixel[2]].map(u32::from);
    // Pillow's integers.
    ((r * 19_595 + g * 38_470 + b * 7_471 + 0x8000) >> 16) as u8
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::Shape;

    fn ramp(width: usize, height: usize) -> Picture {
        let pixels = (0..height).flat_map(|y| (0..width).map(move |x| (10 * y + x) as u8)).collect();
        Picture { width, height, channels: 1, pixels }
    }

    #[test]
    fn the_middle_is_cut_out() {
        let crop = |shape, resize| ramp(6, 4).cropped(Crop { shape, resize });
        assert_eq!(crop(Shape::new(1, 2, 2), 4), [12, 13, 22, 23]);
        // Where the middle lies between two pixels the even one is taken, as by Python's `round`.
        assert_eq!(crop(Shape::new(1, 1, 1), 4), [22], "row 1.5 becomes 2 and column 2.5 becomes 2");
        let three = crop(Shape::new(3, 2, 2), 4);
        assert_eq!(three, [12, 13, 22, 23].repeat(3));
    }

    /// Halved, the filter reaches two pixels to each side: weights 1, 3, 3, 1 of 8.
    #[test]
    fn what_shrinks_is_smoothed() {
        let pixels = [0, 0, 0, 80, 0, 0, 0, 0].repeat(8);
        let picture = Picture { width: 8, height: 8, channels: 1, pixels };
        let found = picture.cropped(Crop::whole(Shape::new(1, 4, 4)));
        assert_eq!(found, [0, 30, 10, 0].repeat(4));
    }

    #[test]
    fn the_shorter_side_is_resized_and_the_longer_rounded_down() {
        let resized = ramp(5, 3).resized(2);
        assert_eq!((resized.width, resized.height, resized.pixels.len()), (3, 2, 6));
        let resized = ramp(3, 7).resized(5);
        assert_eq!((resized.width, resized.height), (5, 11));
    }

    #[test]
    fn luma_is_pillows() {
        assert_eq!([[255, 0, 0], [0, 255, 0], [0, 0, 255], [255; 3]].map(|p| luma(&p)), [76, 150, 29, 255]);
    }
}
