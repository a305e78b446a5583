//! One end of an SRI connection, as initiator or as responder, on a blocking socket: every cryptographic and encoding
//! step is SRI's, this file only moves bytes between its codec and TCP.

use std::fmt;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};

use codec_sv2::{
    Decoded, Decrypted, EncodableFrame, ExpectsHandshakeMessage, Handshake, HandshakeMessage,
    InitiatorSent, MessageFrame, NoiseDecoder, NoiseEncoder, SerializedFrame, Transport,
    TransportDecryptState, TransportEncryptState,
};
use framing_sv2::header::Header;
use key_utils::{Secp256k1PublicKey, Secp256k1SecretKey};
use noise_sv2::{Initiator, Responder};
use parsers_sv2::{AnyMessage, AnyMessageOwned};

use crate::ensure;
use crate::extension::{Message, STORAGE_EXTENSION};
use crate::program::PATIENCE;
use crate::tap::Outcome;

/// Whom the initiator expects to have signed the responder's certificate.
#[derive(Clone, Copy)]
pub enum Trust {
    Authority(Secp256k1PublicKey),
    /// SRI then checks nothing about the certificate.
    Anyone,
}

/// An authority's key pair, made here for the cases in which SRI is the responder.
#[derive(Clone, Copy)]
pub struct Authority {
    secret: Secp256k1SecretKey,
    pub public: Secp256k1PublicKey,
}

impl Authority {
    pub fn random() -> Self {
        let secret = Secp256k1SecretKey(secp256k1::SecretKey::new(&mut rand::thread_rng()));
        Self {
            secret,
            public: secret.into(),
        }
    }

    pub fn responder(&self, validity: std::time::Duration) -> Outcome<Handshake<Responder>> {
        let (public, secret) = (self.public.into_bytes(), self.secret.into_bytes());
        let responder = Responder::from_authority_kp(&public, &secret, validity).map_err(debug)?;
        Ok(Handshake::responder(responder))
    }
}

impl Trust {
    pub fn initiator(self) -> Outcome<Handshake<Initiator>> {
        let initiator = match self {
            Trust::Authority(key) => Initiator::from_raw_k(key.into_bytes()),
            Trust::Anyone => Initiator::without_pk(),
        };
        Ok(Handshake::initiator(initiator.map_err(debug)?))
    }
}

pub struct Peer {
    stream: TcpStream,
    encoder: NoiseEncoder,
    decoder: NoiseDecoder,
    encrypt: TransportEncryptState,
    /// None once a frame could not be read: SRI's codec can not go on after that, and neither can we.
    decrypt: Option<TransportDecryptState>,
    /// What went over the wire in the handshake, one after the other: it is what a client's signature begins with.
    pub acts: [Vec<u8>; 2],
}

/// What came from the other side.
pub enum Received {
    Frame(Frame),
    Closed(Ending),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    Eof,
    Reset,
}

pub struct Frame {
    pub header: Header,
    pub payload: Vec<u8>,
}

impl Peer {
    /// Connects and completes the handshake as initiator.
    pub fn connect(address: SocketAddr, trust: Trust) -> Outcome<Self> {
        Ok(Self::try_connect(address, trust, TcpStream::write_all)?
            .map_err(|refusal| format!("SRI refuses: {refusal}"))?)
    }

    /// The same with a say in how act 1 gets onto the wire. The inner error is SRI refusing act 2.
    pub fn try_connect(
        address: SocketAddr,
        trust: Trust,
        write_act_1: impl FnOnce(&mut TcpStream, &[u8]) -> io::Result<()>,
    ) -> Outcome<Result<Self, codec_sv2::Error>> {
        let mut stream = patient(TcpStream::connect_timeout(&address, PATIENCE)?)?;
        let mut encoder = NoiseEncoder::new();
        let mut decoder = NoiseDecoder::new();

        let (act_1, waiting) = trust.initiator()?.step_0()?;
        let sent = act_1.payload().to_vec();
        write_act_1(&mut stream, &encoder.encode_handshake(act_1))?;
        let act_2 = read_act::<InitiatorSent>(&mut stream, &mut decoder)?;
        let acts = [sent, act_2.payload().to_vec()];
        let act_2 = act_2.payload().try_into()?;
        Ok(waiting
            .step_2(act_2)
            .map(|transport| Self::new(stream, encoder, decoder, transport, acts)))
    }

    /// Completes the handshake as responder. `now` is the time that the certificate is made at, by default the clock's.
    pub fn accept(
        stream: TcpStream,
        responder: Handshake<Responder>,
        now: Option<u32>,
    ) -> Outcome<Self> {
        let mut stream = patient(stream)?;
        let mut encoder = NoiseEncoder::new();
        let mut decoder = NoiseDecoder::new();

        let act_1 = read_act::<Responder>(&mut stream, &mut decoder)?;
        let act_1 = act_1.payload().try_into()?;
        let (act_2, transport) = match now {
            Some(now) => responder.step_1_with_now_rng(act_1, now, &mut rand::thread_rng())?,
            None => responder.step_1(act_1)?,
        };
        let acts = [act_1.to_vec(), act_2.payload().to_vec()];
        stream.write_all(&encoder.encode_handshake(act_2))?;
        Ok(Self::new(stream, encoder, decoder, transport, acts))
    }

    fn new(
        stream: TcpStream,
        encoder: NoiseEncoder,
        decoder: NoiseDecoder,
        transport: Transport,
        acts: [Vec<u8>; 2],
    ) -> Self {
        let (encrypt, decrypt) = transport.split();
        Self {
            stream,
            encoder,
            decoder,
            encrypt,
            decrypt: Some(decrypt),
            acts,
        }
    }

    pub fn send(&mut self, message: impl Into<AnyMessageOwned>) -> Outcome {
        let bytes = self.encrypt_message(message)?;
        self.send_bytes(&bytes)
    }

    /// A message of our extension, framed by SRI.
    pub fn send_extension<M: Message>(&mut self, message: M) -> Outcome {
        let frame = MessageFrame::from_message(message, M::TYPE, STORAGE_EXTENSION, false)?;
        let bytes = self.encrypt_frame(frame)?;
        self.send_bytes(&bytes)
    }

    /// A frame of any extension, with any payload.
    pub fn send_raw(&mut self, extension_type: u16, message_type: u8, payload: &[u8]) -> Outcome {
        let mut frame = extension_type.to_le_bytes().to_vec();
        frame.push(message_type);
        frame.extend(&u32::try_from(payload.len())?.to_le_bytes()[..3]);
        frame.extend(payload);
        let bytes = self.encrypt_raw(frame)?;
        self.send_bytes(&bytes)
    }

    /// The bytes that `send` would send. They take their place in the order of frames here and now.
    pub fn encrypt_message(&mut self, message: impl Into<AnyMessageOwned>) -> Outcome<Vec<u8>> {
        let frame = MessageFrame::<AnyMessageOwned>::try_from(message.into())?;
        self.encrypt_frame(frame)
    }

    /// The same for a frame that is already in bytes, whatever they say.
    pub fn encrypt_raw(&mut self, frame: Vec<u8>) -> Outcome<Vec<u8>> {
        self.encrypt_frame(SerializedFrame::from_bytes(frame)?)
    }

    fn encrypt_frame(&mut self, frame: impl EncodableFrame) -> Outcome<Vec<u8>> {
        Ok(self.encoder.encode_transport(frame, &mut self.encrypt)?)
    }

    pub fn send_bytes(&mut self, bytes: &[u8]) -> Outcome {
        Ok(self.stream.write_all(bytes)?)
    }

    pub fn stop_sending(&self) -> Outcome {
        Ok(self.stream.shutdown(Shutdown::Write)?)
    }

    pub fn receive(&mut self) -> Outcome<Received> {
        let mut state = self
            .decrypt
            .take()
            .ok_or("this connection has failed before")?;
        let mut begun = false;
        loop {
            match fill(&mut self.stream, self.decoder.writable())? {
                Filled::Wholly => begun = true,
                Filled::Ended { after: 0, ending } if !begun => {
                    return Ok(Received::Closed(ending));
                }
                Filled::Ended { ending, .. } => {
                    return Err(format!("{ending:?} in the middle of a frame").into());
                }
            }
            match self.decoder.next_transport_frame(state)? {
                Decrypted::Incomplete(_, next) => state = next,
                Decrypted::Frame(mut frame, next) => {
                    self.decrypt = Some(next);
                    let (header, payload) = (frame.header(), frame.payload().to_vec());
                    return Ok(Received::Frame(Frame { header, payload }));
                }
            }
        }
    }

    pub fn receive_frame(&mut self) -> Outcome<Frame> {
        match self.receive()? {
            Received::Frame(frame) => Ok(frame),
            Received::Closed(ending) => Err(format!("{ending:?} instead of a frame").into()),
        }
    }

    /// The connection is closed, and nothing more was said. A reset is fine where the other side had no reason to read
    /// everything that was sent to it.
    pub fn expect_closed(&mut self) -> Outcome<Ending> {
        match self.receive()? {
            Received::Closed(ending) => Ok(ending),
            Received::Frame(frame) => {
                Err(format!("{frame} instead of the end of the connection").into())
            }
        }
    }

    /// The connection is closed in good order.
    pub fn expect_eof(&mut self) -> Outcome {
        let ending = self.expect_closed()?;
        ensure!(
            ending == Ending::Eof,
            "{ending:?} instead of the end of the connection"
        );
        Ok(())
    }
}

impl Frame {
    /// The message as SRI's parser understands it.
    pub fn message(&self) -> Outcome<AnyMessageOwned> {
        let mut payload = self.payload.clone();
        Ok(AnyMessage::try_from((self.header, &mut payload[..]))
            .map_err(|error| format!("{self}: {error}"))?
            .into_owned())
    }
}

impl fmt::Display for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (extension, kind) = (self.header.ext_type(), self.header.msg_type());
        write!(
            f,
            "a frame with extension_type 0x{extension:04x}, msg_type 0x{kind:02x}, payload {:02x?}",
            self.payload
        )
    }
}

fn patient(stream: TcpStream) -> io::Result<TcpStream> {
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    Ok(stream)
}

/// Reads the act that the other side owes while this one is in the state `Waiting`.
fn read_act<Waiting: ExpectsHandshakeMessage>(
    stream: &mut TcpStream,
    decoder: &mut NoiseDecoder,
) -> Outcome<HandshakeMessage> {
    loop {
        if let Decoded::Frame(act) = decoder.next_handshake_frame::<Waiting>()? {
            return Ok(act);
        }
        if let Filled::Ended { after, ending } = fill(stream, decoder.writable())? {
            return Err(format!("{ending:?} after {after} bytes of the handshake").into());
        }
    }
}

enum Filled {
    Wholly,
    Ended { after: usize, ending: Ending },
}

fn fill(stream: &mut TcpStream, window: &mut [u8]) -> Outcome<Filled> {
    let mut after = 0;
    while after < window.len() {
        match stream.read(&mut window[after..]) {
            Ok(0) => {
                return Ok(Filled::Ended {
                    after,
                    ending: Ending::Eof,
                });
            }
            Ok(count) => after += count,
            Err(error) => match error.kind() {
                ErrorKind::Interrupted => {}
                ErrorKind::ConnectionReset => {
                    return Ok(Filled::Ended {
                        after,
                        ending: Ending::Reset,
                    });
                }
                ErrorKind::WouldBlock | ErrorKind::TimedOut => {
                    return Err(format!("silence for {PATIENCE:?}").into());
                }
                _ => return Err(error.into()),
            },
        }
    }
    Ok(Filled::Wholly)
}

/// SRI's noise errors have no text of their own.
fn debug(error: noise_sv2::Error) -> String {
    format!("{error:?}")
}
