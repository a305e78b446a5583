//! What SRI itself needs for one small frame, to compare our own figure with on the same machine.

use std::hint::black_box;
use std::time::{Duration, Instant};

use codec_sv2::{
    Decrypted, NoiseDecoder, NoiseEncoder, TransportDecryptState, TransportEncryptState,
};
use framing_sv2::framing::SerializedFrame;

use crate::sri::{Authority, Trust};
use crate::tap::Outcome;

const PAYLOAD_BYTES: u8 = 64;
const BATCHES: usize = 21;
const FRAMES_PER_BATCH: u32 = 20_000;

/// Prints the median over the batches of the time for encoding and decoding one frame, on one thread.
pub fn run() -> Outcome {
    let (mut encrypt, decrypt) = finished_handshake()?;
    let mut encoder = NoiseEncoder::new();
    let mut decoder = NoiseDecoder::new();
    let mut decrypt = Some(decrypt);
    let mut plain = frame();

    let mut batch = || -> Outcome<u128> {
        let start = Instant::now();
        for _ in 0..FRAMES_PER_BATCH {
            let encrypted = encoder
                .encode_transport(SerializedFrame::from_bytes(&mut plain[..])?, &mut encrypt)?;
            decrypt = Some(decode(
                &mut decoder,
                decrypt.take().expect("the last frame was whole"),
                &encrypted,
            )?);
        }
        Ok(start.elapsed().as_nanos() / u128::from(FRAMES_PER_BATCH))
    };

    batch()?; // warms up
    let mut times = (0..BATCHES).map(|_| batch()).collect::<Outcome<Vec<_>>>()?;
    times.sort_unstable();
    println!(
        "codec_sv2={}",
        pinned_version("codec_sv2").ok_or("codec_sv2 is not pinned")?
    );
    println!("sri_codec_frame_64_ns={}", times[BATCHES / 2]);
    Ok(())
}

fn decode(
    decoder: &mut NoiseDecoder,
    mut state: TransportDecryptState,
    mut bytes: &[u8],
) -> Outcome<TransportDecryptState> {
    loop {
        let window = decoder.writable();
        let (now, later) = bytes.split_at(window.len());
        window.copy_from_slice(now);
        bytes = later;
        match decoder.next_transport_frame(state)? {
            Decrypted::Incomplete(_, next) => state = next,
            Decrypted::Frame(frame, next) => {
                black_box(frame);
                return Ok(next);
            }
        }
    }
}

/// The initiator's sending half and the responder's receiving half of one connection.
fn finished_handshake() -> Outcome<(TransportEncryptState, TransportDecryptState)> {
    let authority = Authority::random();
    let (act_1, initiator) = Trust::Authority(authority.public).initiator()?.step_0()?;
    let responder = authority.responder(Duration::from_secs(3600))?;
    let (act_2, responder) = responder.step_1(act_1.payload().try_into()?)?;
    let initiator = initiator.step_2(act_2.payload().try_into()?)?;
    Ok((initiator.split().0, responder.split().1))
}

fn frame() -> Vec<u8> {
    let header = [0x54, 0x53, 0x80, PAYLOAD_BYTES, 0, 0];
    header
        .into_iter()
        .chain([0x5a; PAYLOAD_BYTES as usize])
        .collect()
}

/// The version that this crate's manifest pins `name` to.
fn pinned_version(name: &str) -> Option<&'static str> {
    let manifest = include_str!("../Cargo.toml");
    let line = manifest
        .lines()
        .find(|line| line.split_whitespace().next() == Some(name))?;
    line.split_once("\"=")?
        .1
        .split_once('"')
        .map(|(version, _)| version)
}
