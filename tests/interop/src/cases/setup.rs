//! SetupConnection: what is accepted, what is refused and how, and the ways its bytes may arrive.

use std::thread;
use std::time::Duration;

use common_messages_sv2::Protocol::{
    JobDeclarationProtocol, MiningProtocol, TemplateDistributionProtocol,
};
use common_messages_sv2::{MESSAGE_TYPE_SETUP_CONNECTION, SetupConnectionOwned};
use extensions_sv2::UserIdentity;
use parsers_sv2::{AnyMessageOwned, Tlv, TlvField, TlvList};

use crate::Programs;
use crate::ensure;
use crate::extension::{Ping, STORAGE_EXTENSION};
use crate::messages::{HASHRATE_EXTENSION, mining_message, request_extensions, setup_connection};
use crate::role::Role;
use crate::sri::{Peer, Trust};
use crate::tap::{Case, Outcome};

const HEADER: usize = framing_sv2::SV2_FRAME_HEADER_SIZE;

/// The largest payload before a client has authenticated itself.
const LIMIT: usize = 2048;

pub fn cases() -> Vec<Case<Programs>> {
    vec![
        Case::new(
            "SetupConnection for the Mining Protocol is accepted",
            mining,
        ),
        Case::new(
            "SetupConnection for the Job Declaration Protocol is accepted",
            job_declaration,
        ),
        Case::new(
            "SetupConnection for the Template Distribution Protocol is refused",
            template_distribution,
        ),
        Case::new("SetupConnection for version 3 alone is refused", version_3),
        Case::new(
            "SetupConnection for versions 1 to 7 settles on version 2",
            version_range,
        ),
        Case::new(
            "SetupConnection with flags is refused, and the answer names them",
            flags,
        ),
        Case::new(
            "SetupConnection may be followed by a TLV of another extension",
            trailing_tlv,
        ),
        Case::new(
            "SetupConnection may arrive one TCP byte at a time",
            byte_by_byte,
        ),
        Case::new(
            "two frames in one TCP segment are both answered, in order",
            two_in_one_segment,
        ),
        Case::new(
            "a frame of exactly 2 KiB is read before authentication",
            largest_frame,
        ),
        Case::new(
            "a frame over 2 KiB is refused from its header alone",
            too_large_frame,
        ),
        Case::new(
            "a mining message instead of SetupConnection is refused",
            mining_first,
        ),
        Case::new(
            "SetupConnection cut short is refused as a malformed-message",
            cut_short,
        ),
        Case::new(
            "a message of our extension before it is negotiated is refused as an unexpected-message",
            too_early,
        ),
        Case::new(
            "a message of an extension that the role does not know is refused as an unsupported-extension",
            unknown_extension,
        ),
    ]
}

fn with_peer(programs: &Programs, conversation: impl FnOnce(&mut Peer) -> Outcome) -> Outcome {
    Role::serve(&programs.role, |role| {
        conversation(&mut Peer::connect(
            role.address,
            Trust::Authority(role.authority),
        )?)
    })
}

fn accepted(programs: &Programs, message: SetupConnectionOwned) -> Outcome {
    with_peer(programs, |peer| {
        peer.send(message)?;
        peer.expect_setup_success()
    })
}

fn refused(programs: &Programs, message: SetupConnectionOwned, flags: u32, code: &str) -> Outcome {
    with_peer(programs, |peer| {
        peer.send(message)?;
        peer.expect_setup_error(flags, code)?;
        peer.expect_eof()
    })
}

fn mining(programs: &Programs) -> Outcome {
    accepted(programs, setup_connection(MiningProtocol))
}

fn job_declaration(programs: &Programs) -> Outcome {
    accepted(programs, setup_connection(JobDeclarationProtocol))
}

fn template_distribution(programs: &Programs) -> Outcome {
    refused(
        programs,
        setup_connection(TemplateDistributionProtocol),
        0,
        "unsupported-protocol",
    )
}

fn version_3(programs: &Programs) -> Outcome {
    let message = SetupConnectionOwned {
        min_version: 3,
        max_version: 3,
        ..setup_connection(MiningProtocol)
    };
    refused(programs, message, 0, "protocol-version-mismatch")
}

fn version_range(programs: &Programs) -> Outcome {
    accepted(
        programs,
        SetupConnectionOwned {
            min_version: 1,
            max_version: 7,
            ..setup_connection(MiningProtocol)
        },
    )
}

fn flags(programs: &Programs) -> Outcome {
    // REQUIRES_STANDARD_JOBS and REQUIRES_VERSION_ROLLING; then DECLARE_TX_DATA.
    for (protocol, flags) in [(MiningProtocol, 0b101), (JobDeclarationProtocol, 0b1)] {
        let message = SetupConnectionOwned {
            flags,
            ..setup_connection(protocol)
        };
        refused(programs, message, flags, "unsupported-feature-flags")?;
    }
    Ok(())
}

fn trailing_tlv(programs: &Programs) -> Outcome {
    let identity = UserIdentity::new("worker-001").map_err(|error| format!("{error:?}"))?;
    let frame = setup_with_tlvs(&[identity.to_tlv()?])?;
    with_peer(programs, |peer| {
        let bytes = peer.encrypt_raw(frame)?;
        peer.send_bytes(&bytes)?;
        peer.expect_setup_success()
    })
}

fn byte_by_byte(programs: &Programs) -> Outcome {
    with_peer(programs, |peer| {
        for byte in peer.encrypt_message(setup_connection(MiningProtocol))? {
            peer.send_bytes(&[byte])?;
            thread::sleep(Duration::from_millis(1));
        }
        peer.expect_setup_success()
    })
}

fn two_in_one_segment(programs: &Programs) -> Outcome {
    with_peer(programs, |peer| {
        let mut segment = peer.encrypt_message(setup_connection(MiningProtocol))?;
        segment.extend(peer.encrypt_message(request_extensions(1, &[STORAGE_EXTENSION]))?);
        peer.send_bytes(&segment)?;
        peer.expect_setup_success()?;
        peer.expect_extensions_success(1)
    })
}

fn largest_frame(programs: &Programs) -> Outcome {
    let frame = setup_of_payload_size(LIMIT)?;
    with_peer(programs, |peer| {
        let bytes = peer.encrypt_raw(frame)?;
        peer.send_bytes(&bytes)?;
        peer.expect_setup_success()
    })
}

fn too_large_frame(programs: &Programs) -> Outcome {
    let frame = setup_of_payload_size(LIMIT + 1)?;
    let refused_after = |sent: fn(&[u8]) -> &[u8]| {
        with_peer(programs, |peer| {
            let bytes = peer.encrypt_raw(frame.clone())?;
            peer.send_bytes(sent(&bytes))?;
            peer.expect_setup_error(0, "frame-too-large")?;
            peer.expect_closed().map(|_| ())
        })
    };
    refused_after(|bytes| &bytes[..codec_sv2::ENCRYPTED_SV2_FRAME_HEADER_SIZE])?;
    refused_after(|bytes| bytes)
}

fn mining_first(programs: &Programs) -> Outcome {
    with_peer(programs, |peer| {
        peer.send(mining_message())?;
        peer.expect_setup_error(0, "unexpected-message")?;
        peer.expect_eof()
    })
}

fn cut_short(programs: &Programs) -> Outcome {
    let whole = setup_with_tlvs(&[])?;
    for length in [0, 1, 12, whole.len() - HEADER - 1] {
        with_peer(programs, |peer| {
            let payload = &whole[HEADER..HEADER + length];
            peer.send_raw(0, MESSAGE_TYPE_SETUP_CONNECTION, payload)?;
            peer.expect_setup_error(0, "malformed-message")?;
            peer.expect_eof()
        })?;
    }
    Ok(())
}

fn too_early(programs: &Programs) -> Outcome {
    for set_up in [false, true] {
        with_peer(programs, |peer| {
            if set_up {
                peer.set_up()?;
            }
            peer.send_extension(Ping { nonce: 1 })?;
            peer.expect_setup_error(0, "unexpected-message")?;
            peer.expect_eof()
        })?;
    }
    Ok(())
}

fn unknown_extension(programs: &Programs) -> Outcome {
    for set_up in [false, true] {
        with_peer(programs, |peer| {
            if set_up {
                peer.set_up()?;
            }
            peer.send_raw(HASHRATE_EXTENSION, 0x01, &[0])?;
            peer.expect_setup_error(0, "unsupported-extension")?;
            peer.expect_eof()
        })?;
    }
    Ok(())
}

/// SetupConnection in a frame whose payload a TLV fills up to `size` bytes.
fn setup_of_payload_size(size: usize) -> Outcome<Vec<u8>> {
    let padding_for = |length| Tlv::new(HASHRATE_EXTENSION, 0x7f, vec![0x20; length]);
    let unpadded = setup_with_tlvs(&[padding_for(0)])?.len() - HEADER;
    let frame = setup_with_tlvs(&[padding_for(size - unpadded)])?;
    ensure!(
        frame.len() == HEADER + size,
        "the payload has {} bytes",
        frame.len() - HEADER
    );
    Ok(frame)
}

fn setup_with_tlvs(tlvs: &[Tlv]) -> Outcome<Vec<u8>> {
    let message: AnyMessageOwned = setup_connection(MiningProtocol).into();
    Ok(TlvList::from_slice(tlvs)?.build_frame_bytes_with_tlvs(message)?)
}
