//! One picture: decoded whatever its name ends in, without its alpha, and brought to a size.

use super::super::crop::Crop;
use super::super::files::unread;
use super::resize::Picture;
use crate::Error;
use crate::disk::read_capped;
use crate::graph::Shape;
use image::codecs::png::PngDecoder;
use image::{ColorType, DynamicImage, ImageDecoder, Limits};
use std::io::Cursor;
use std::path::Path;
use zune_core::bytestream::ZCursor;
use zune_core::colorspace::ColorSpace;
use zune_core::options::DecoderOptions;
use zune_jpeg::JpegDecoder;

/// Largest file, in bytes.
const FILE_LIMIT: u64 = 64_000_000;
/// Most pixels of a picture.
const MOST_PIXELS: usize = 1 << 25;
/// The longest side of a picture.
const MOST_SIDE: usize = 16_000;

/// What pictures are to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::data) enum Size {
    /// Brought to this.
    Crop(Crop),
    /// Of this shape as they are; grey ones become three planes where colour is asked for.
    Exactly(Shape),
}

impl Size {
    pub(in crate::data) fn shape(self) -> Shape {
        match self {
            Self::Crop(crop) => crop.shape,
            Self::Exactly(shape) => shape,
        }
    }
}

/// The planes of a file.
pub(in crate::data) fn decode(path: &Path, size: Size) -> Result<Vec<u8>, Error> {
    let picture = read(path)?;
    match size {
        Size::Crop(crop) => Ok(picture.cropped(crop)),
        Size::Exactly(shape) => {
            let found = shape_of(&picture);
            if (found.h, found.w) != (shape.h, shape.w) || found.c > shape.c {
                let expected = format!(
                    "an image of {shape} as the first one, or a size that all are brought to (--data folder:CxHxW)"
                );
                return Err(Error::format(path, expected, found.to_string()));
            }
            Ok(picture.of_channels(shape.c).whole())
        }
    }
}

/// The shape that a file's picture has.
pub(super) fn shape(path: &Path) -> Result<Shape, Error> {
    Ok(shape_of(&read(path)?))
}

fn shape_of(picture: &Picture) -> Shape {
    Shape::new(picture.channels, picture.height, picture.width)
}

fn read(path: &Path) -> Result<Picture, Error> {
    let bytes = read_capped(path, FILE_LIMIT).map_err(|error| match error {
        Error::Io { source, .. } => unread(path, source, "an image"),
        other => other,
    })?;
    picture(&bytes, MOST_PIXELS).map_err(|found| Error::format(path, "a sound PNG or JPEG", found))
}

/// Decodes a picture of at most so many pixels, or says what was found.
pub(in crate::data) fn picture(bytes: &[u8], most: usize) -> Result<Picture, String> {
    let picture = match bytes {
        [0x89, b'P', b'N', b'G', ..] => png(bytes, most)?,
        [0xff, 0xd8, ..] => jpeg(bytes, most)?,
        _ => return Err("a file that begins as neither".into()),
    };
    let Picture { width, height, channels, ref pixels } = picture;
    match pixels.len() == width * height * channels && !pixels.is_empty() {
        true => Ok(picture),
        false => Err(format!("{} bytes of pixels for {width}x{height}", pixels.len())),
    }
}

fn check(width: usize, height: usize, most: usize) -> Result<(), String> {
    match width.max(height) <= MOST_SIDE && width * height <= most {
        true => Ok(()),
        false => Err(format!("{width}x{height} pixels, where at most {most} are read")),
    }
}

fn png(bytes: &[u8], most: usize) -> Result<Picture, String> {
    let mut limits = Limits::default();
    limits.max_alloc = Some(8 * most as u64 + (1 << 20));
    let damaged = |error: image::ImageError| format!("a damaged PNG ({error})");
    let decoder = PngDecoder::with_limits(Cursor::new(bytes), limits).map_err(damaged)?;
    let (width, height) = decoder.dimensions();
    let (width, height) = (width as usize, height as usize);
    check(width, height, most)?;
    let grey =
        matches!(decoder.color_type(), ColorType::L8 | ColorType::La8 | ColorType::L16 | ColorType::La16);
    let image = DynamicImage::from_decoder(decoder).map_err(damaged)?;
    Ok(match grey {
        true => Picture { width, height, channels: 1, pixels: image.into_luma8().into_raw() },
        false => Picture { width, height, channels: 3, pixels: image.into_rgb8().into_raw() },
    })
}

fn jpeg(bytes: &[u8], most: usize) -> Result<Picture, String> {
    let damaged = |error: zune_jpeg::errors::DecodeErrors| format!("a damaged JPEG ({error})");
    let options = DecoderOptions::default().set_max_width(MOST_SIDE).set_max_height(MOST_SIDE);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), options);
    decoder.decode_headers().map_err(damaged)?;
    let (width, height) = decoder.dimensions().ok_or("a JPEG without a size")?;
    check(width, height, most)?;
    let grey = decoder.input_colorspace() == Some(ColorSpace::Luma);
    let (space, channels) = if grey { (ColorSpace::Luma, 1) } else { (ColorSpace::RGB, 3) };
    decoder.set_options(decoder.options().jpeg_set_out_colorspace(space).set_strict_mode(true));
    // The decoder fills up the last rows of pixels where the file ends within them; the end has a marker.
    if !bytes.windows(2).any(|pair| pair == [0xff, 0xd9]) {
        return Err("a damaged JPEG (its end is missing)".into());
    }
    let pixels = decoder.decode().map_err(damaged)?;
    Ok(Picture { width, height, channels, pixels })
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::codecs::png::PngEncoder;
    use image::{ExtendedColorType, ImageEncoder};
    use jpeg_encoder::{ColorType as JpegColour, Encoder};

    fn png_of(pixels: &[u8], width: u32, height: u32, colour: ExtendedColorType) -> Vec<u8> {
        let mut bytes = Vec::new();
        PngEncoder::new(&mut bytes).write_image(pixels, width, height, colour).unwrap();
        bytes
    }

    fn planes(bytes: &[u8], size: Size) -> Result<Vec<u8>, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.png");
        std::fs::write(&path, bytes).unwrap();
        decode(&path, size).map_err(|error| error.to_string())
    }

    #[test]
    fn pngs_lose_their_alpha_alone() {
        let two = Size::Exactly(Shape::new(3, 1, 2));
        let rgba = png_of(&[1, 2, 3, 0, 4, 5, 6, 255], 2, 1, ExtendedColorType::Rgba8);
        assert_eq!(planes(&rgba, two).unwrap(), [1, 4, 2, 5, 3, 6]);
        let grey = png_of(&[7, 9], 2, 1, ExtendedColorType::L8);
        assert_eq!(planes(&grey, two).unwrap(), [7, 9, 7, 9, 7, 9]);
        assert_eq!(planes(&grey, Size::Exactly(Shape::new(1, 1, 2))).unwrap(), [7, 9]);
        let deep = png_of(&[0xff, 0xff, 0x80, 0x80], 2, 1, ExtendedColorType::L16);
        assert_eq!(planes(&deep, Size::Exactly(Shape::new(1, 1, 2))).unwrap().len(), 2);
    }

    #[test]
    fn colour_is_not_taken_for_grey_nor_one_size_for_another() {
        let rgb = png_of(&[1, 2, 3, 4, 5, 6], 2, 1, ExtendedColorType::Rgb8);
        for shape in [Shape::new(1, 1, 2), Shape::new(3, 2, 1)] {
            let told = planes(&rgb, Size::Exactly(shape)).unwrap_err();
            assert!(told.contains(&format!("expected an image of {shape} as the first")), "{told}");
            assert!(told.ends_with("found 3x1x2"), "{told}");
        }
    }

    #[test]
    fn damage_is_named() {
        let good = png_of(&[9; 300], 10, 10, ExtendedColorType::Rgb8);
        let size = Size::Exactly(Shape::new(3, 10, 10));
        let told = |bytes: &[u8]| planes(bytes, size).unwrap_err();
        assert!(told(&good[..good.len() / 2]).contains("a damaged PNG"));
        assert!(told(b"GIF89a").contains("begins as neither"));
        assert!(told(b"").contains("begins as neither"));
        let mut jpeg = Vec::new();
        Encoder::new(&mut jpeg, 90).encode(&[9; 300], 10, 10, JpegColour::Rgb).unwrap();
        assert_eq!(planes(&jpeg, size).unwrap().len(), 300);
        assert!(told(&jpeg[..jpeg.len() - 2]).contains("a damaged JPEG"));
        // A header of 65,535 x 65,535 pixels.
        let mut huge = good.clone();
        huge[16..24].copy_from_slice(&[0, 0, 0xff, 0xff, 0, 0, 0xff, 0xff]);
        assert!(planes(&huge, size).is_err());
        let found = picture(&good, 99).err().unwrap();
        assert_eq!(found, "10x10 pixels, where at most 99 are read");
    }
}
