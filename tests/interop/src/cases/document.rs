//! The extension's document itself: its examples, read with SRI's types.

use std::collections::BTreeMap;
use std::fs;

use secp256k1::schnorr::Signature;
use secp256k1::{Message, Secp256k1, XOnlyPublicKey};

use crate::Programs;
use crate::client::{Key, digest_to_sign, handshake_hash};
use crate::ensure;
use crate::extension::{read_message, read_record, read_struct};
use crate::tap::{Case, Failure, Outcome};

pub fn cases() -> Vec<Case<Programs>> {
    vec![
        Case::new(
            "every example of the extension's document is read by SRI's derive and written again to the same bytes",
            examples,
        ),
        Case::new(
            "the document's worked example of authentication comes out the same with SRI's secp256k1",
            authentication,
        ),
    ]
}

/// A `hex` block of the document: its kind, its name, and the bytes by field, as far as lines begin with one.
struct Example {
    kind: String,
    name: String,
    bytes: Vec<u8>,
    fields: BTreeMap<String, Vec<u8>>,
}

fn examples(programs: &Programs) -> Outcome {
    let mut seen = 0;
    for example in read_examples(programs)? {
        let outcome = match example.kind.as_str() {
            "message" => read_message(&example.name, &example.bytes),
            "struct" => read_struct(&example.name, &example.bytes),
            "record" => read_record(&example.name, &example.bytes),
            _ => continue,
        };
        outcome.map_err(|Failure(reason)| format!("{}: {reason}", example.name))?;
        seen += 1;
    }
    // 34 messages, 11 structs, 8 records.
    ensure!(seen == 53, "the document has {seen} examples");
    Ok(())
}

fn authentication(programs: &Programs) -> Outcome {
    let examples = read_examples(programs)?;
    let example = examples
        .iter()
        .find(|example| example.kind == "authentication");
    let field = |name: &str| {
        let field = example.and_then(|example| example.fields.get(name));
        field.ok_or(format!("the worked example has no {name}"))
    };

    let hash = handshake_hash(field("act1")?, field("act2")?);
    ensure!(hash[..] == field("h5")?[..], "the hash is {hash:02x?}");
    let authority = field("authority")?.as_slice().try_into()?;
    let digest = digest_to_sign(&hash, authority, field("payload")?);
    ensure!(
        digest[..] == field("digest")?[..],
        "the digest is {digest:02x?}"
    );

    let secret = secp256k1::SecretKey::from_slice(field("secret_key")?)?;
    let key = Key::from_secret(key_utils::Secp256k1SecretKey(secret));
    let aux_rand = field("aux_rand")?.as_slice().try_into()?;
    let signature = key.sign(digest, Some(aux_rand));
    ensure!(
        signature[..] == field("signature")?[..],
        "the signature is {signature:02x?}"
    );
    let public_key = XOnlyPublicKey::from_slice(field("public_key")?)?;
    Ok(Secp256k1::verification_only().verify_schnorr(
        &Signature::from_slice(&signature)?,
        &Message::from_digest(digest),
        &public_key,
    )?)
}

fn read_examples(programs: &Programs) -> Outcome<Vec<Example>> {
    let document = fs::read_to_string(&programs.document)?;
    let mut examples = Vec::new();
    let mut lines = document.lines();
    while let Some(line) = lines.next() {
        let Some(title) = line.strip_prefix("```hex ") else {
            continue;
        };
        let (kind, name) = title.split_once(' ').ok_or("an example without a name")?;
        let mut example = Example {
            kind: kind.to_owned(),
            name: name.to_owned(),
            bytes: Vec::new(),
            fields: BTreeMap::new(),
        };
        let mut field = String::new();
        for line in lines.by_ref().take_while(|line| *line != "```") {
            let line = line.split('#').next().unwrap_or_default();
            let mut words = line.split_whitespace();
            if !line.starts_with(' ') {
                field = words.next().unwrap_or_default().to_owned();
            }
            let bytes = words.map(hex).collect::<Outcome<Vec<_>>>()?.concat();
            example.bytes.extend(&bytes);
            example
                .fields
                .entry(field.clone())
                .or_default()
                .extend(&bytes);
        }
        examples.push(example);
    }
    Ok(examples)
}

fn hex(text: &str) -> Outcome<Vec<u8>> {
    let digits: Vec<u8> = text
        .chars()
        .map(|digit| digit.to_digit(16).map(|value| value as u8))
        .collect::<Option<_>>()
        .ok_or(format!("{text} is not hex"))?;
    Ok(digits
        .chunks(2)
        .map(|pair| pair[0] << 4 | pair[pair.len() - 1])
        .collect())
}
