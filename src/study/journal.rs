//! A journal: blocks of bytes one after the other, each whole or not there.
//!
//! A block is a member of a gzip file (RFC 1952), so a journal of JSON lines is read by `zcat`. Each member carries its
//! own length in an extra field (`BO`, four bytes, little-endian; the way BGZF does it), its checksum is gzip's. What is
//! written is a function of what is in it: no time, no name.
//!
//! Traps: a process that is killed, or a disk that is full, leaves the beginning of a block at the end of the file. That
//! is *torn* and no damage: everything before it counts and it is written again. A file system may also have made the
//! file longer and not yet written what is in it: zeros to the end are torn too. A block that is wrong while others
//! follow it was whole once: that is *damage*, and nothing of the file is believed. A length is believed only as far as
//! bytes follow, and no block becomes larger than [`MAX_BLOCK`].

use std::io::{self, Read, Write as _};

use flate2::{Compression, GzBuilder, bufread::GzDecoder};

/// The largest block, before and after compression, in bytes.
pub const MAX_BLOCK: u64 = 1 << 30;
/// Bytes before the compressed data: gzip's ten, the length of the extra field, its name and length, the length.
const PREFIX: usize = 20;
const LENGTH: std::ops::Range<usize> = 16..20;
/// Magic, deflate, "there is an extra field".
const MAGIC: [u8; 4] = [0x1f, 0x8b, 8, 4];
/// The extra field takes eight bytes, is called `BO` and holds four.
const EXTRA: [u8; 6] = [8, 0, b'B', b'O', 4, 0];

/// The block that holds these bytes.
///
/// # Errors
/// When there are more than [`MAX_BLOCK`].
pub fn block(content: &[u8]) -> io::Result<Vec<u8>> {
    let too_large = || io::Error::other("a block of a journal would be too large");
    if content.len() as u64 > MAX_BLOCK {
        return Err(too_large());
    }
    let mut extra = EXTRA[2..].to_vec();
    extra.extend([0; 4]);
    let mut writer = GzBuilder::new().extra(extra).write(Vec::new(), Compression::new(6));
    writer.write_all(content)?;
    let mut block = writer.finish()?;
    let length = u32::try_from(block.len()).map_err(|_| too_large())?;
    block[LENGTH].copy_from_slice(&length.to_le_bytes());
    Ok(block)
}

/// Why a journal cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum Damage {
    /// It does not begin as a journal does.
    #[error("is no file of this program")]
    Foreign,
    /// A block is wrong and others follow it.
    #[error("is damaged at byte {at}")]
    Broken {
        /// Where the block begins, in bytes.
        at: u64,
    },
    /// The device or the system failed.
    #[error("cannot be read: {0}")]
    Io(#[from] io::Error),
}

/// Reads a journal block by block.
pub struct Journal<R> {
    from: R,
    whole: u64,
    torn: bool,
}

/// What stands at some place of a journal.
enum Found {
    Block(Vec<u8>),
    /// Not a block, which does not matter if it is the last one.
    Wrong,
    /// Not a block, and something follows.
    Damaged,
    /// The file ends before the block does.
    Torn,
    End,
}

impl<R: Read> Journal<R> {
    /// A journal from its first byte on.
    pub fn new(from: R) -> Self {
        Journal { from, whole: 0, torn: false }
    }

    /// Bytes up to the end of the last whole block.
    pub fn whole(&self) -> u64 {
        self.whole
    }

    /// Whether something begins after it that never got whole; known at the end.
    pub fn is_torn(&self) -> bool {
        self.torn
    }

    /// The content of the next block; `None` at the end.
    ///
    /// # Errors
    /// When the file is no journal, or damaged.
    pub fn next_block(&mut self) -> Result<Option<Vec<u8>>, Damage> {
        match self.find()? {
            Found::Block(content) => Ok(Some(content)),
            Found::End => Ok(None),
            Found::Torn => {
                self.torn = true;
                Ok(None)
            }
            Found::Wrong if self.at_end()? && self.whole > 0 => {
                self.torn = true;
                Ok(None)
            }
            Found::Wrong | Found::Damaged if self.whole == 0 => Err(Damage::Foreign),
            Found::Wrong | Found::Damaged => Err(Damage::Broken { at: self.whole }),
        }
    }

    fn find(&mut self) -> Result<Found, Damage> {
        let mut bytes = Vec::with_capacity(PREFIX);
        let read = self.take(PREFIX as u64, &mut bytes)?;
        if read == 0 {
            return Ok(Found::End);
        }
        let begins = [&MAGIC[..], &[0; 6][..], &EXTRA[..]].concat();
        let is_prefix = bytes.iter().zip(&begins).enumerate().all(|(at, (is, wants))| {
            // Byte 8 is the compression's hint, byte 9 the system: neither means anything here.
            at == 8 || at == 9 || is == wants
        });
        if !is_prefix {
            return match bytes.iter().all(|byte| *byte == 0) {
                true if self.only_zeros()? => Ok(Found::Torn),
                true => Ok(Found::Damaged),
                false => Ok(Found::Wrong),
            };
        }
        if bytes.len() < PREFIX {
            return Ok(Found::Torn);
        }
        let length = u64::from(u32::from_le_bytes([bytes[16], bytes[17], bytes[18], bytes[19]]));
        if length <= PREFIX as u64 || length > MAX_BLOCK {
            return Ok(Found::Wrong);
        }
        let rest = length - PREFIX as u64;
        if self.take(rest, &mut bytes)? < rest {
            return Ok(Found::Torn);
        }
        Ok(match content(&bytes) {
            Some(content) => {
                self.whole += length;
                Found::Block(content)
            }
            None => Found::Wrong,
        })
    }

    /// Reads up to so many bytes, fewer only at the end of the file.
    fn take(&mut self, count: u64, into: &mut Vec<u8>) -> Result<u64, Damage> {
        Ok((&mut self.from).take(count).read_to_end(into)? as u64)
    }

    fn at_end(&mut self) -> Result<bool, Damage> {
        Ok(self.take(1, &mut Vec::new())? == 0)
    }

    fn only_zeros(&mut self) -> Result<bool, Damage> {
        let mut part = Vec::new();
        loop {
            part.clear();
            if self.take(1 << 16, &mut part)? == 0 {
                return Ok(true);
            }
            if part.iter().any(|byte| *byte != 0) {
                return Ok(false);
            }
        }
    }
}

/// What is in a block; `None` if its checksum or its length is wrong.
fn content(block: &[u8]) -> Option<Vec<u8>> {
    let mut decoder = GzDecoder::new(block);
    let mut content = Vec::new();
    let read = (&mut decoder).take(MAX_BLOCK + 1).read_to_end(&mut content).ok()?;
    (read as u64 <= MAX_BLOCK && decoder.into_inner().is_empty()).then_some(content)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(contents: &[&[u8]]) -> Vec<u8> {
        contents.iter().flat_map(|content| block(content).unwrap()).collect()
    }

    /// Blocks, how far the file is whole, and whether something torn follows.
    fn read(bytes: &[u8]) -> Result<(Vec<Vec<u8>>, u64, bool), Damage> {
        let mut journal = Journal::new(bytes);
        let mut blocks = Vec::new();
        while let Some(block) = journal.next_block()? {
            blocks.push(block);
        }
        Ok((blocks, journal.whole(), journal.is_torn()))
    }

    const TEXTS: [&[u8]; 3] = [b"{\"format\":1}\n", b"", b"one\ntwo\n"];

    #[test]
    fn what_is_written_is_read_and_is_plain_gzip() {
        let bytes = written(&TEXTS);
        let (blocks, whole, torn) = read(&bytes).unwrap();
        assert_eq!(blocks, TEXTS);
        assert_eq!((whole, torn), (bytes.len() as u64, false));
        let mut all = String::new();
        flate2::read::MultiGzDecoder::new(&bytes[..]).read_to_string(&mut all).unwrap();
        assert_eq!(all.as_bytes(), TEXTS.concat());
        assert_eq!(bytes, written(&TEXTS), "nothing but the content is in it");
    }

    #[test]
    fn wherever_a_journal_is_cut_the_blocks_before_are_whole() {
        let bytes = written(&TEXTS);
        let ends: Vec<usize> = (0..=3).map(|count| written(&TEXTS[..count]).len()).collect();
        for cut in 0..=bytes.len() {
            let (blocks, whole, torn) = read(&bytes[..cut]).unwrap();
            let count = ends.iter().filter(|end| **end > 0 && **end <= cut).count();
            assert_eq!(blocks, TEXTS[..count], "cut at {cut}");
            assert_eq!((whole, torn), (ends[count] as u64, cut > ends[count]), "cut at {cut}");
        }
    }

    #[test]
    fn a_changed_byte_is_never_read_as_something_else() {
        let bytes = written(&TEXTS);
        let first = written(&TEXTS[..1]).len();
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 0x55;
            match read(&changed) {
                Ok((blocks, ..)) => {
                    assert_eq!(blocks, TEXTS[..blocks.len()], "byte {at}: what is read was written");
                }
                Err(Damage::Foreign) => assert!(at < first, "byte {at}"),
                Err(Damage::Broken { at: block }) => assert!(block <= at as u64, "byte {at}"),
                Err(Damage::Io(error)) => panic!("byte {at}: {error}"),
            }
        }
    }

    #[test]
    fn zeros_at_the_end_are_torn_and_other_files_are_foreign() {
        let mut bytes = written(&TEXTS);
        let whole = bytes.len() as u64;
        bytes.extend([0; 70_000]);
        assert_eq!(read(&bytes).unwrap().1, whole);
        assert!(read(&bytes).unwrap().2);
        bytes.push(1);
        assert!(matches!(read(&bytes), Err(Damage::Broken { at }) if at == whole));
        for foreign in ["hello", "PK\u{3}\u{4}", "{\"format\":1}\n{\"format\":1}\n"] {
            assert!(matches!(read(foreign.as_bytes()), Err(Damage::Foreign)), "{foreign}");
        }
        let mut plain = flate2::write::GzEncoder::new(Vec::new(), Compression::fast());
        plain.write_all(b"a log of somebody else's, long enough to be one").unwrap();
        assert!(matches!(read(&plain.finish().unwrap()), Err(Damage::Foreign)));
    }
}
