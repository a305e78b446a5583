//! A program started as a process of its own: its output is collected as it appears, every wait has a limit, and it is
//! killed, by its own id, when it is dropped while still running.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use crate::ensure;
use crate::tap::Outcome;

/// How long anything may take before it counts as never happening. Far above what any step needs, so that a slow
/// machine changes nothing.
pub const PATIENCE: Duration = Duration::from_secs(30);

pub struct Program {
    child: Child,
    output: Arc<Output>,
    readers: Vec<thread::JoinHandle<()>>,
}

#[derive(Default)]
struct Output {
    lines: Mutex<Vec<Line>>,
    grown: Condvar,
}

#[derive(Clone)]
struct Line {
    stream: Stream,
    text: String,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    Stdout,
    Stderr,
}

impl Program {
    pub fn start(command: &mut Command) -> Outcome<Self> {
        let shown = command.get_program().to_string_lossy().into_owned();
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| format!("cannot start {shown}: {error}"))?;
        let output = Arc::<Output>::default();
        let readers = vec![
            collect(
                child.stdout.take().expect("stdout is piped"),
                Stream::Stdout,
                &output,
            ),
            collect(
                child.stderr.take().expect("stderr is piped"),
                Stream::Stderr,
                &output,
            ),
        ];
        Ok(Self {
            child,
            output,
            readers,
        })
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// The first line on stdout that `wanted` makes something of.
    pub fn wait_for_line<T>(&self, what: &str, wanted: impl Fn(&str) -> Option<T>) -> Outcome<T> {
        let deadline = Instant::now() + PATIENCE;
        let mut lines = self.output.lines.lock().expect("no reader panics");
        loop {
            let on_stdout = lines.iter().filter(|line| line.stream == Stream::Stdout);
            if let Some(found) = on_stdout
                .map(|line| &line.text)
                .find_map(|text| wanted(text))
            {
                return Ok(found);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            let ended = self.readers.iter().all(|reader| reader.is_finished());
            ensure!(!left.is_zero() && !ended, "the program never said `{what}`");
            // Wakes up now and then by itself: the end of the output is not announced.
            let pause = left.min(Duration::from_millis(100));
            lines = self
                .output
                .grown
                .wait_timeout(lines, pause)
                .expect("no reader panics")
                .0;
        }
    }

    /// Waits for the program to end by itself, and for the last of its output.
    pub fn wait(&mut self) -> Outcome<ExitStatus> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait()? {
                for reader in self.readers.drain(..) {
                    reader
                        .join()
                        .map_err(|_| "a reader of the program's output panicked")?;
                }
                return Ok(status);
            }
            ensure!(
                Instant::now() < deadline,
                "the program did not end within {PATIENCE:?}"
            );
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Ends the program where it stands.
    pub fn kill(&mut self) -> Outcome {
        self.child.kill()?;
        self.wait().map(|_| ())
    }

    pub fn is_running(&mut self) -> Outcome<bool> {
        Ok(self.child.try_wait()?.is_none())
    }

    pub fn lines(&self, stream: Stream) -> Vec<String> {
        let lines = self.output.lines.lock().expect("no reader panics");
        let of_stream = lines.iter().filter(|line| line.stream == stream);
        of_stream.map(|line| line.text.clone()).collect()
    }

    /// Everything said so far on both streams, each line marked with `name`.
    pub fn transcript(&self, name: &str) -> String {
        let lines = self.output.lines.lock().expect("no reader panics");
        let marked: Vec<String> = lines
            .iter()
            .map(|line| format!("{name}: {}", line.text))
            .collect();
        marked.join("\n")
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn collect(
    pipe: impl Read + Send + 'static,
    stream: Stream,
    output: &Arc<Output>,
) -> thread::JoinHandle<()> {
    let output = Arc::clone(output);
    thread::spawn(move || {
        for bytes in BufReader::new(pipe).split(b'\n').map_while(Result::ok) {
            let text = String::from_utf8_lossy(&bytes).into_owned();
            output
                .lines
                .lock()
                .expect("no one panics with the lock")
                .push(Line { stream, text });
            output.grown.notify_all();
        }
    })
}
