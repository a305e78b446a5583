//! storage-sv2 as a process: a fresh authority key, a fresh folder and a port of its own for every case. It may be ended
//! and started again in that folder.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use key_utils::Secp256k1PublicKey;

use crate::ensure;
use crate::program::{Program, Stream};
use crate::scratch::Scratch;
use crate::tap::{Failure, Outcome};

/// What a case adds to a role's command line and environment.
#[derive(Default)]
pub struct Settings {
    pub arguments: Vec<OsString>,
    pub database_url: Option<String>,
}

pub struct Role {
    pub address: SocketAddr,
    pub authority: Secp256k1PublicKey,
    program: Program,
    binary: PathBuf,
    settings: Settings,
    /// What the role said before it was started again.
    earlier: String,
    folder: Scratch,
}

impl Role {
    /// Starts the role, lets `conversation` talk to it, and checks that the role survived that and stops when asked.
    /// What the role logged becomes part of the reason if anything went wrong.
    pub fn serve(binary: &Path, conversation: impl FnOnce(&mut Role) -> Outcome) -> Outcome {
        Self::serve_with(binary, |_| Ok(Settings::default()), conversation)
    }

    /// The same with more settings, of which `prepare` may make the files in the role's folder.
    pub fn serve_with(
        binary: &Path,
        prepare: impl FnOnce(&Path) -> Outcome<Settings>,
        conversation: impl FnOnce(&mut Role) -> Outcome,
    ) -> Outcome {
        let mut role = Role::start(binary, prepare)?;
        let outcomes = [conversation(&mut role), role.stop()];
        let reasons: Vec<String> = outcomes
            .into_iter()
            .filter_map(|outcome| outcome.err().map(|Failure(reason)| reason))
            .collect();
        ensure!(
            reasons.is_empty(),
            "{}\n{}{}",
            reasons.join("\n"),
            role.earlier,
            role.program.transcript("role")
        );
        Ok(())
    }

    fn start(binary: &Path, prepare: impl FnOnce(&Path) -> Outcome<Settings>) -> Outcome<Self> {
        let folder = Scratch::new()?;
        let printed = keygen(binary, "authority", folder.path())?;
        let config = folder.path().join("storage-sv2.toml");
        let secret_file = folder.path().join("authority.secret");
        fs::write(
            &config,
            format!(
                "listen_address = \"127.0.0.1:0\"\n\
                 authority_secret_key_file = \"{}\"\n\
                 authority_public_key = \"{printed}\"\n\
                 cert_validity_sec = 3600\n",
                secret_file.display()
            ),
        )?;

        let mut arguments: Vec<OsString> = vec!["serve".into(), "--config".into(), config.into()];
        let mut settings = prepare(folder.path())?;
        arguments.append(&mut settings.arguments);
        settings.arguments = arguments;
        let (program, address) = listening(binary, folder.path(), &settings)?;
        let authority = printed.parse()?;
        Ok(Self {
            address,
            authority,
            program,
            binary: binary.to_owned(),
            settings,
            earlier: String::new(),
            folder,
        })
    }

    /// Starts the role, stopped or killed before, once more with all that is left in its folder. Its port is another one.
    pub fn start_again(&mut self) -> Outcome {
        self.earlier += &format!("{}\n", self.program.transcript("role before"));
        (self.program, self.address) = listening(&self.binary, self.folder.path(), &self.settings)?;
        Ok(())
    }

    /// Ends the role where it stands, as a power cut does.
    pub fn kill(&mut self) -> Outcome {
        self.program.kill()
    }

    /// Lets the role's files grow, or has every write to them fail, as on a disk that is full.
    pub fn let_files_grow(&self, may: bool) -> Outcome {
        let limit = if may {
            "--fsize=unlimited:"
        } else {
            "--fsize=1:"
        };
        let id = self.program.id().to_string();
        let status = Command::new("prlimit")
            .args([limit, "--pid", &id])
            .status()?;
        ensure!(status.success(), "cannot limit the role's files: {status}");
        Ok(())
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Asks the role to stop, as a service manager does.
    pub fn terminate(&self) -> Outcome {
        let id = self.program.id();
        let status = Command::new("sh")
            .args(["-c", &format!("kill -TERM {id}")])
            .status()?;
        ensure!(status.success(), "cannot signal the role: {status}");
        Ok(())
    }

    /// Waits until the role, asked before, has stopped the way it promises to.
    pub fn expect_stopped(&mut self) -> Outcome {
        let status = self.program.wait()?;
        ensure!(status.success(), "the role stopped with {status}");
        let log = self.program.lines(Stream::Stdout);
        ensure!(
            log.iter().any(|line| line.contains("stopped")),
            "the role did not log `stopped`"
        );
        Ok(())
    }

    /// Stops the role in order.
    pub fn stop(&mut self) -> Outcome {
        if self.program.is_running()? {
            self.terminate()?;
        }
        self.expect_stopped()
    }
}

fn listening(binary: &Path, folder: &Path, settings: &Settings) -> Outcome<(Program, SocketAddr)> {
    // A file over its limit should be an error to the role, not its end: see `let_files_grow`.
    let mut command = sheltered(Path::new("sh"), folder);
    command
        .args(["-c", "trap '' XFSZ; exec \"$0\" \"$@\""])
        .arg(binary)
        .args(&settings.arguments);
    if let Some(url) = &settings.database_url {
        command.env("DATABASE_URL", url);
    }
    let program = Program::start(&mut command)?;
    let address = program
        .wait_for_line("listening on 127.0.0.1:PORT", listening_address)
        .map_err(|Failure(reason)| format!("{reason}\n{}", program.transcript("role")))?;
    Ok((program, address))
}

/// Makes a key pair of `kind` in `folder` and returns what keygen prints: the public key's text.
pub fn keygen(binary: &Path, kind: &str, folder: &Path) -> Outcome<String> {
    let mut command = sheltered(binary, folder);
    command
        .args([OsStr::new("keygen"), OsStr::new(kind), OsStr::new("--out")])
        .arg(folder);
    let mut program = Program::start(&mut command)?;
    let status = program.wait()?;
    ensure!(
        status.success(),
        "keygen: {status}\n{}",
        program.transcript("keygen")
    );
    let printed = program.lines(Stream::Stdout);
    ensure!(
        printed.len() == 1,
        "keygen prints {} lines instead of the key alone",
        printed.len()
    );
    Ok(printed.concat())
}

/// The role with nothing of the caller's surroundings: no setting from the environment, no state outside `folder`.
fn sheltered(binary: &Path, folder: &Path) -> Command {
    let mut command = Command::new(binary);
    let settings = std::env::vars_os().map(|(name, _)| name);
    for name in settings.filter(|name| name.to_string_lossy().starts_with("STORAGE_")) {
        command.env_remove(name);
    }
    command.env_remove("DATABASE_URL");
    command
        .env("HOME", folder)
        .env("STATE_DIRECTORY", folder.join("state"))
        .current_dir(folder);
    command
}

fn listening_address(line: &str) -> Option<SocketAddr> {
    let (_, after) = line.split_once("listening on ")?;
    after.split_whitespace().next()?.parse().ok()
}
