//! What holds for a connection that has negotiated our extension, and for the whole of the conversation.

use binary_sv2::GetSize;
use common_messages_sv2::Protocol::MiningProtocol;
use parsers_sv2::{
    AnyMessageOwned, CommonMessagesOwned, ParserError, parse_message_frame_with_tlvs,
};

use crate::Programs;
use crate::ensure;
use crate::extension::{Message, STORAGE_EXTENSION, StorageError};
use crate::messages::{
    HASHRATE_EXTENSION, check_storage_error, mining_message, request_extensions, setup_connection,
};
use crate::role::Role;
use crate::sri::{Frame, Peer, Trust};
use crate::tap::{Case, Outcome};

pub fn cases() -> Vec<Case<Programs>> {
    vec![
        Case::new(
            "a second SetupConnection is answered with Error of our extension",
            second_setup,
        ),
        Case::new(
            "a second RequestExtensions is answered with Error of our extension",
            second_request,
        ),
        Case::new(
            "a mining message is answered with Error of our extension",
            mining,
        ),
        Case::new(
            "SRI's parser reads every reply to its last byte, and refuses our extension's Error aloud",
            parser,
        ),
        Case::new(
            "a tampered frame closes its connection without a word and disturbs no other",
            tampered,
        ),
        Case::new("SIGTERM sends Reconnect and closes the connection", sigterm),
    ]
}

fn second_setup(programs: &Programs) -> Outcome {
    unexpected(programs, setup_connection(MiningProtocol).into())
}

fn second_request(programs: &Programs) -> Outcome {
    unexpected(programs, request_extensions(2, &[STORAGE_EXTENSION]))
}

fn mining(programs: &Programs) -> Outcome {
    unexpected(programs, mining_message())
}

fn unexpected(programs: &Programs, message: AnyMessageOwned) -> Outcome {
    Role::serve(&programs.role, |role| {
        let mut peer = Peer::connect(role.address, Trust::Authority(role.authority))?;
        peer.set_up_and_negotiate()?;
        peer.send(message)?;
        peer.expect_storage_error("unexpected-message")?;
        peer.expect_eof()
    })
}

fn parser(programs: &Programs) -> Outcome {
    Role::serve(&programs.role, |role| {
        let mut peer = Peer::connect(role.address, Trust::Authority(role.authority))?;
        peer.send(setup_connection(MiningProtocol))?;
        expect_whole(
            &peer.receive_frame()?,
            0x0000,
            common_messages_sv2::MESSAGE_TYPE_SETUP_CONNECTION_SUCCESS,
        )?;
        peer.send(request_extensions(1, &[HASHRATE_EXTENSION]))?;
        expect_whole(
            &peer.receive_frame()?,
            0x0001,
            extensions_sv2::MESSAGE_TYPE_REQUEST_EXTENSIONS_ERROR,
        )?;
        peer.send(request_extensions(2, &[STORAGE_EXTENSION]))?;
        expect_whole(
            &peer.receive_frame()?,
            0x0001,
            extensions_sv2::MESSAGE_TYPE_REQUEST_EXTENSIONS_SUCCESS,
        )?;
        peer.send(mining_message())?;
        expect_loud_refusal(&peer.receive_frame()?)?;

        let mut peer = Peer::connect(role.address, Trust::Authority(role.authority))?;
        peer.send(mining_message())?;
        expect_whole(
            &peer.receive_frame()?,
            0x0000,
            common_messages_sv2::MESSAGE_TYPE_SETUP_CONNECTION_ERROR,
        )
    })
}

/// The header is what SRI would have written, and the message fills the payload with nothing left over.
fn expect_whole(frame: &Frame, extension_type: u16, message_type: u8) -> Outcome {
    let header = frame.header;
    ensure!(
        (header.ext_type(), header.msg_type()) == (extension_type, message_type),
        "{frame}"
    );

    let mut payload = frame.payload.clone();
    let (message, tlvs) =
        parse_message_frame_with_tlvs(header, &mut payload, &[STORAGE_EXTENSION])?;
    ensure!(
        message.get_size() == frame.payload.len(),
        "SRI reads only {} bytes of {frame}",
        message.get_size()
    );
    ensure!(tlvs.is_none(), "SRI finds TLVs in {frame}");
    let again = binary_sv2::to_bytes(message)?;
    ensure!(
        again == frame.payload,
        "SRI encodes {frame} as {again:02x?}"
    );
    Ok(())
}

/// SRI's parser does not know our extension. It must say so, not take the message for one of its own.
fn expect_loud_refusal(frame: &Frame) -> Outcome {
    check_storage_error(frame, "unexpected-message")?;
    let mut payload = frame.payload.clone();
    match parse_message_frame_with_tlvs(frame.header, &mut payload, &[STORAGE_EXTENSION]) {
        Err(ParserError::UnexpectedMessage(StorageError::TYPE)) => Ok(()),
        Err(other) => Err(format!("SRI's parser fails with: {other}").into()),
        Ok((message, _)) => Err(format!("SRI's parser takes it for {message}").into()),
    }
}

fn tampered(programs: &Programs) -> Outcome {
    Role::serve(&programs.role, |role| {
        let connect = || Peer::connect(role.address, Trust::Authority(role.authority));
        let mut bystander = connect()?;
        bystander.set_up()?;

        let mut tampers_at_once = connect()?;
        let bytes = tampers_at_once.encrypt_message(setup_connection(MiningProtocol))?;
        tampers_at_once.send_bytes(&with_flipped_bit(bytes, Part::Header))?;
        tampers_at_once.expect_closed()?;

        let mut tampers_later = connect()?;
        tampers_later.set_up_and_negotiate()?;
        let bytes = tampers_later.encrypt_message(mining_message())?;
        tampers_later.send_bytes(&with_flipped_bit(bytes, Part::Payload))?;
        tampers_later.expect_closed()?;

        bystander.send(request_extensions(1, &[STORAGE_EXTENSION]))?;
        bystander.expect_extensions_success(1)
    })
}

#[derive(Clone, Copy)]
enum Part {
    Header,
    Payload,
}

/// One bit of the part's MAC, which is its last 16 bytes, is another.
fn with_flipped_bit(mut bytes: Vec<u8>, part: Part) -> Vec<u8> {
    let end = match part {
        Part::Header => codec_sv2::ENCRYPTED_SV2_FRAME_HEADER_SIZE,
        Part::Payload => bytes.len(),
    };
    bytes[end - 1] ^= 0x01;
    bytes
}

fn sigterm(programs: &Programs) -> Outcome {
    Role::serve(&programs.role, |role| {
        let mut peer = Peer::connect(role.address, Trust::Authority(role.authority))?;
        peer.set_up_and_negotiate()?;
        role.terminate()?;
        match peer.receive_frame()?.message()? {
            AnyMessageOwned::Common(CommonMessagesOwned::Reconnect(message)) => {
                let to_the_same_place = message.new_host.is_empty() && message.new_port == 0;
                ensure!(to_the_same_place, "{message}");
            }
            other => return Err(format!("{other} instead of Reconnect").into()),
        }
        peer.expect_eof()?;
        role.expect_stopped()
    })
}
