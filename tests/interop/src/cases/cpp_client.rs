//! Our C++ client against SRI as responder. The client prints what it receives, one message a line.

use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use common_messages_sv2::Protocol::{self, JobDeclarationProtocol, MiningProtocol};
use common_messages_sv2::{
    ERROR_CODE_SETUP_CONNECTION_UNSUPPORTED_PROTOCOL, SetupConnectionErrorOwned,
    SetupConnectionOwned, SetupConnectionSuccess,
};
use extensions_sv2::{
    RequestExtensionsErrorOwned, RequestExtensionsOwned, RequestExtensionsSuccessOwned,
};
use key_utils::Secp256k1PublicKey;
use parsers_sv2::{
    AnyMessageOwned, CommonMessagesOwned, ExtensionsNegotiationOwned, ExtensionsOwned,
};

use crate::Programs;
use crate::ensure;
use crate::extension::STORAGE_EXTENSION;
use crate::messages::{HASHRATE_EXTENSION, sequence, text};
use crate::program::{PATIENCE, Program, Stream};
use crate::sri::{Authority, Peer};
use crate::tap::{Case, Failure, Outcome};

const HOUR: Duration = Duration::from_secs(3600);

pub fn cases() -> Vec<Case<Programs>> {
    vec![
        Case::new(
            "our client sets up the Mining Protocol and our extension with SRI",
            mining,
        ),
        Case::new(
            "our client sets up the Job Declaration Protocol and our extension with SRI",
            job_declaration,
        ),
        Case::new(
            "our client reports SRI's SetupConnection.Error",
            setup_refused,
        ),
        Case::new(
            "our client reports SRI's RequestExtensions.Error with what is required",
            extensions_refused,
        ),
        Case::new(
            "our client refuses another authority's certificate and sends nothing after act 1",
            wrong_key,
        ),
        Case::new(
            "our client refuses an expired certificate and sends nothing after act 1",
            expired,
        ),
        Case::new(
            "our client refuses a certificate from the future and sends nothing after act 1",
            not_yet_valid,
        ),
    ]
}

fn mining(programs: &Programs) -> Outcome {
    sets_up(programs, MiningProtocol)
}

fn job_declaration(programs: &Programs) -> Outcome {
    sets_up(programs, JobDeclarationProtocol)
}

fn sets_up(programs: &Programs, protocol: Protocol) -> Outcome {
    let client = Client {
        protocol,
        ask: &[STORAGE_EXTENSION],
    };
    let printed = client.converses_with(programs, |peer| {
        let setup = receive_setup(peer)?;
        ensure!(setup.protocol == protocol, "the client set up {setup}");
        peer.send(SetupConnectionSuccess {
            used_version: 2,
            flags: 0,
        })?;
        let request = receive_request(peer)?;
        ensure!(
            request.requested_extensions.as_slice() == [STORAGE_EXTENSION],
            "the client asked {request}"
        );
        peer.send(extensions(RequestExtensionsSuccessOwned {
            request_id: request.request_id,
            supported_extensions: request.requested_extensions,
        }))
    })?;
    expect_lines(
        &printed,
        &[
            "SetupConnection.Success used_version=2 flags=0",
            "RequestExtensions.Success request_id=1 supported=0x5354",
        ],
    )
}

fn setup_refused(programs: &Programs) -> Outcome {
    let client = Client {
        protocol: MiningProtocol,
        ask: &[STORAGE_EXTENSION],
    };
    let printed = client.converses_with(programs, |peer| {
        receive_setup(peer)?;
        let error_code = text(ERROR_CODE_SETUP_CONNECTION_UNSUPPORTED_PROTOCOL);
        peer.send(SetupConnectionErrorOwned {
            flags: 5,
            error_code,
        })
    })?;
    expect_lines(
        &printed,
        &["SetupConnection.Error flags=5 error_code=unsupported-protocol"],
    )
}

fn extensions_refused(programs: &Programs) -> Outcome {
    let client = Client {
        protocol: MiningProtocol,
        ask: &[HASHRATE_EXTENSION, 0x4001],
    };
    let printed = client.converses_with(programs, |peer| {
        receive_setup(peer)?;
        peer.send(SetupConnectionSuccess {
            used_version: 2,
            flags: 0,
        })?;
        let request = receive_request(peer)?;
        peer.send(extensions(RequestExtensionsErrorOwned {
            request_id: request.request_id,
            unsupported_extensions: request.requested_extensions,
            required_extensions: sequence(&[STORAGE_EXTENSION]),
        }))
    })?;
    expect_lines(
        &printed,
        &[
            "SetupConnection.Success used_version=2 flags=0",
            "RequestExtensions.Error request_id=1 unsupported=0x0002,0x4001 required=0x5354",
        ],
    )
}

fn wrong_key(programs: &Programs) -> Outcome {
    refuses(
        programs,
        Authority::random(),
        Authority::random().public,
        clock()?,
    )
}

fn expired(programs: &Programs) -> Outcome {
    let authority = Authority::random();
    refuses(programs, authority, authority.public, clock()? - 3 * HOUR)
}

fn not_yet_valid(programs: &Programs) -> Outcome {
    let authority = Authority::random();
    refuses(programs, authority, authority.public, clock()? + 3 * HOUR)
}

/// A certificate by `signer`, valid for an hour from `made_at`, is not good enough for a client that trusts `trusted`.
fn refuses(
    programs: &Programs,
    signer: Authority,
    trusted: Secp256k1PublicKey,
    made_at: Duration,
) -> Outcome {
    let now = u32::try_from(made_at.as_secs())?;
    let client = Client {
        protocol: MiningProtocol,
        ask: &[STORAGE_EXTENSION],
    };
    let mut program = client.runs_against(programs, trusted, |stream| {
        Peer::accept(stream, signer.responder(HOUR)?, Some(now))?
            .expect_closed()
            .map(|_| ())
    })?;
    let status = program.wait()?;
    let said = program.lines(Stream::Stderr);
    let refused = status.code() == Some(1)
        && said
            .iter()
            .any(|line| line.starts_with("handshake refused"));
    ensure!(
        refused,
        "the client ends with {status}\n{}",
        program.transcript("client")
    );
    expect_lines(&program.lines(Stream::Stdout), &[])
}

struct Client<'a> {
    protocol: Protocol,
    ask: &'a [u16],
}

impl Client<'_> {
    /// Runs the client against an SRI responder that it trusts, and returns what it printed.
    fn converses_with(
        &self,
        programs: &Programs,
        conversation: impl FnOnce(&mut Peer) -> Outcome,
    ) -> Outcome<Vec<String>> {
        let authority = Authority::random();
        let mut program = self.runs_against(programs, authority.public, |stream| {
            let mut peer = Peer::accept(stream, authority.responder(HOUR)?, None)?;
            conversation(&mut peer)?;
            peer.stop_sending()?;
            peer.expect_closed().map(|_| ())
        })?;
        let status = program.wait()?;
        ensure!(
            status.success(),
            "the client ends with {status}\n{}",
            program.transcript("client")
        );
        Ok(program.lines(Stream::Stdout))
    }

    /// Starts the client and hands its connection to `responder`; returns the program, which may still be running.
    fn runs_against(
        &self,
        programs: &Programs,
        trusted: Secp256k1PublicKey,
        responder: impl FnOnce(TcpStream) -> Outcome,
    ) -> Outcome<Program> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let asked: Vec<String> = self
            .ask
            .iter()
            .map(|extension| format!("0x{extension:04x}"))
            .collect();
        let mut command = Command::new(&programs.cpp_initiator);
        command.args(["--connect", &listener.local_addr()?.to_string()]);
        command.args(["--authority-key", &trusted.to_string()]);
        command.args(["--protocol", &(self.protocol as u8).to_string()]);
        command.args(["--ask", &asked.join(",")]);

        let program = Program::start(&mut command)?;
        match accept(&listener).and_then(responder) {
            Ok(()) => Ok(program),
            Err(Failure(reason)) => Err(Failure(format!(
                "{reason}\n{}",
                program.transcript("client")
            ))),
        }
    }
}

fn receive_setup(peer: &mut Peer) -> Outcome<SetupConnectionOwned> {
    match peer.receive_frame()?.message()? {
        AnyMessageOwned::Common(CommonMessagesOwned::SetupConnection(setup)) => {
            let acceptable = setup.get_version(2, 2) == Some(2) && setup.flags == 0;
            ensure!(acceptable, "an SRI server would not accept {setup}");
            Ok(setup)
        }
        other => Err(format!("{other} instead of SetupConnection").into()),
    }
}

fn receive_request(peer: &mut Peer) -> Outcome<RequestExtensionsOwned> {
    match peer.receive_frame()?.message()? {
        AnyMessageOwned::Extensions(ExtensionsOwned::ExtensionsNegotiation(
            ExtensionsNegotiationOwned::RequestExtensions(request),
        )) => Ok(request),
        other => Err(format!("{other} instead of RequestExtensions").into()),
    }
}

fn extensions(message: impl Into<ExtensionsOwned>) -> AnyMessageOwned {
    AnyMessageOwned::Extensions(message.into())
}

fn expect_lines(printed: &[String], expected: &[&str]) -> Outcome {
    ensure!(printed == expected, "the client printed {printed:#?}");
    Ok(())
}

/// The standard library has no accept with a limit, so this asks again and again.
fn accept(listener: &TcpListener) -> Outcome<TcpStream> {
    listener.set_nonblocking(true)?;
    let deadline = Instant::now() + PATIENCE;
    loop {
        match listener.accept() {
            Ok((stream, _)) => {
                stream.set_nonblocking(false)?;
                return Ok(stream);
            }
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                ensure!(
                    Instant::now() < deadline,
                    "the client did not connect within {PATIENCE:?}"
                );
                thread::sleep(Duration::from_millis(5));
            }
            Err(error) => return Err(error.into()),
        }
    }
}

fn clock() -> Outcome<Duration> {
    Ok(SystemTime::now().duration_since(UNIX_EPOCH)?)
}
