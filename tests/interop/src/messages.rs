//! What the cases say, and what they expect to hear, up to where our extension begins, in SRI's types.

use binary_sv2::{Seq064KOwned, Str0255Owned};
use common_messages_sv2::{Protocol, SetupConnectionOwned};
use extensions_sv2::RequestExtensionsOwned;
use mining_sv2::CloseChannelOwned;
use parsers_sv2::{
    AnyMessageOwned, CommonMessagesOwned, ExtensionsNegotiationOwned, ExtensionsOwned, MiningOwned,
};

use crate::ensure;
use crate::extension::{Message, STORAGE_EXTENSION, StorageError, Struct};
use crate::sri::{Frame, Peer};
use crate::tap::Outcome;

/// Worker-specific hashrate tracking: an extension that SRI knows and the role does not offer.
pub const HASHRATE_EXTENSION: u16 = extensions_sv2::EXTENSION_TYPE_WORKER_HASHRATE_TRACKING;

pub fn text(text: &str) -> Str0255Owned {
    text.as_bytes()
        .to_vec()
        .try_into()
        .expect("at most 255 bytes")
}

pub fn setup_connection(protocol: Protocol) -> SetupConnectionOwned {
    SetupConnectionOwned {
        protocol,
        min_version: 2,
        max_version: 2,
        flags: 0,
        endpoint_host: text("127.0.0.1"),
        endpoint_port: 34274,
        vendor: text("SRI"),
        hardware_version: text(""),
        firmware: text("interop"),
        device_id: text("pool-1"),
    }
}

pub fn request_extensions(request_id: u16, extensions: &[u16]) -> AnyMessageOwned {
    let request = RequestExtensionsOwned {
        request_id,
        requested_extensions: sequence(extensions),
    };
    AnyMessageOwned::Extensions(request.into())
}

pub fn sequence(values: &[u16]) -> Seq064KOwned<u16> {
    Seq064KOwned::new(values.to_vec()).expect("at most 65535 elements")
}

/// A message that SRI sends to mining pools and a storage role does not serve.
pub fn mining_message() -> AnyMessageOwned {
    let message = CloseChannelOwned {
        channel_id: 7,
        reason_code: text("interop"),
    };
    AnyMessageOwned::Mining(MiningOwned::CloseChannel(message))
}

impl Peer {
    /// SetupConnection as a pool would send it, and its acceptance.
    pub fn set_up(&mut self) -> Outcome {
        self.send(setup_connection(Protocol::MiningProtocol))?;
        self.expect_setup_success()
    }

    /// The whole way to where only messages of our extension are welcome.
    pub fn set_up_and_negotiate(&mut self) -> Outcome {
        self.set_up()?;
        self.send(request_extensions(1, &[STORAGE_EXTENSION]))?;
        self.expect_extensions_success(1)
    }

    pub fn expect_setup_success(&mut self) -> Outcome {
        match self.receive_frame()?.message()? {
            AnyMessageOwned::Common(CommonMessagesOwned::SetupConnectionSuccess(success)) => {
                ensure!((success.used_version, success.flags) == (2, 0), "{success}");
                Ok(())
            }
            other => Err(format!("{other} instead of SetupConnection.Success").into()),
        }
    }

    pub fn expect_setup_error(&mut self, flags: u32, code: &str) -> Outcome {
        match self.receive_frame()?.message()? {
            AnyMessageOwned::Common(CommonMessagesOwned::SetupConnectionError(error)) => {
                let as_expected =
                    error.flags == flags && error.error_code.as_bytes() == code.as_bytes();
                ensure!(
                    as_expected,
                    "{error} instead of the code {code}, flags 0x{flags:08x}"
                );
                Ok(())
            }
            other => Err(format!("{other} instead of SetupConnection.Error").into()),
        }
    }

    /// RequestExtensions.Success that lists our extension, and it only.
    pub fn expect_extensions_success(&mut self, request_id: u16) -> Outcome {
        match self.receive_frame()?.message()? {
            AnyMessageOwned::Extensions(ExtensionsOwned::ExtensionsNegotiation(
                ExtensionsNegotiationOwned::RequestExtensionsSuccess(success),
            )) => {
                let only_ours = success.supported_extensions.as_slice() == [STORAGE_EXTENSION];
                ensure!(success.request_id == request_id && only_ours, "{success}");
                Ok(())
            }
            other => Err(format!("{other} instead of RequestExtensions.Success").into()),
        }
    }

    /// RequestExtensions.Error that turns down `unsupported` and says that our extension is needed.
    pub fn expect_extensions_error(&mut self, request_id: u16, unsupported: &[u16]) -> Outcome {
        match self.receive_frame()?.message()? {
            AnyMessageOwned::Extensions(ExtensionsOwned::ExtensionsNegotiation(
                ExtensionsNegotiationOwned::RequestExtensionsError(error),
            )) => {
                let lists_match = error.unsupported_extensions.as_slice() == unsupported
                    && error.required_extensions.as_slice() == [STORAGE_EXTENSION];
                ensure!(error.request_id == request_id && lists_match, "{error}");
                Ok(())
            }
            other => Err(format!("{other} instead of RequestExtensions.Error").into()),
        }
    }

    /// Error of our extension, in answer to something that is no request of our extension.
    pub fn expect_storage_error(&mut self, code: &str) -> Outcome {
        loop {
            let frame = self.receive_frame()?;
            if !frame.is_report() {
                return check_storage_error(&frame, code);
            }
        }
    }
}

pub fn check_storage_error(frame: &Frame, code: &str) -> Outcome {
    let header = frame.header;
    ensure!(
        header.ext_type() == STORAGE_EXTENSION && header.msg_type() == StorageError::TYPE,
        "{frame}"
    );

    let error = StorageError::read(&frame.payload)?;
    let as_expected = error.request_id == 0 && error.code.as_bytes() == code.as_bytes();
    ensure!(
        as_expected,
        "Error(request_id: {}, code: {}) instead of the code {code}, request_id 0",
        error.request_id,
        error.code.as_utf8_or_hex()
    );

    let detail = std::str::from_utf8(error.detail.as_bytes())?;
    ensure!(
        !detail.chars().any(char::is_control),
        "the detail {detail:?} has control characters"
    );
    Ok(())
}
