// One handshake of the Stratum V2 reference implementation with what it held after each step: secrets whose points have
// odd Y, encodings drawn at random.
#pragma once

#include <cstdint>
#include <string_view>

namespace reference {

inline constexpr std::string_view initiator_ephemeral_secret =
    "690f65b8403d3cf55b9ff6559a4d2ea265856e156dccb3433660fd7167748a7d";
inline constexpr std::string_view initiator_ephemeral_encoding =
    "6597a7f43d6d9bdbc58b18ef6af7642fcdc052010249b64cbf2de02be85e55fc65585be8318bd21c0cb2c80d2407e61cb72952c1"
    "b26aed85ba7201893539dd63";
inline constexpr std::string_view responder_ephemeral_secret =
    "0b389ce177e574cb450db73a43b6fd1922269af9871f9dc6ba4801cbe9966992";
inline constexpr std::string_view responder_ephemeral_encoding =
    "e0b8a16b073234675cc83202f71a831741238bc6d9b656a585307a90402aebf51bb78b32ab8a1e1c46f38b670017f38699d5dbbb"
    "c3b054f7823651723e3db425";
inline constexpr std::string_view responder_static_secret =
    "5bd88c822850184bda555d1eeed80559bfa29216f38e804724b96f66ef3daf3e";
inline constexpr std::string_view responder_static_encoding =
    "b69ca2eb53fb16128c3ef3a40e3b76a85249db5d503c7accf23e1d205c1486184c2f463f98462082b321cdafbb5072a2e157d8cf"
    "c6a90b14b528b61fd942ecd1";
inline constexpr std::string_view responder_static_x =
    "d4944cd4baeabff2acf538a6e8e66f97f25e4e40cc8a133aa72eac842aae477b";
inline constexpr std::string_view authority_x = "f7731ecd5c5854ddb034b6401fd5c12307f46af5b2f72fce974e3cb2c6b1c105";
inline constexpr std::string_view certificate =
    "000000b9556910c755698354c2861505545bad5f1a4765c320f57c4cb10aaa9c2a9537019873ebd7857df56337b3a77e623f0b11"
    "8a682df80eeb640265780228649e7a0fd1c78b6fb955";
inline constexpr std::int64_t now = 1767225600;

inline constexpr std::string_view act1 =
    "6597a7f43d6d9bdbc58b18ef6af7642fcdc052010249b64cbf2de02be85e55fc65585be8318bd21c0cb2c80d2407e61cb72952c1"
    "b26aed85ba7201893539dd63";
inline constexpr std::string_view act2 =
    "e0b8a16b073234675cc83202f71a831741238bc6d9b656a585307a90402aebf51bb78b32ab8a1e1c46f38b670017f38699d5dbbb"
    "c3b054f7823651723e3db425c99b73b2d879b7be30efbc02bc17cb2ee3b99b851c913353305c949b1328472d4d4bd313c56d40e4"
    "ff9967ba90a9307dc19abc3d2c79fab62ba7fe7903e98ff112fb60d398f359558d13d790be64406c370375a4161092bdd637a53c"
    "6993665167e87e2d9d7169375fa62ada96c836d9a41986368c1e360b0370df128dfdc3e2f4fcde163fd11544053506b944afdefe"
    "bdc9a5fbf015c43b5a5219b0f17ab896c25e4ac78269adcf056c";

inline constexpr std::string_view h_after_start = "922fa32e4f487c0d59caa3bed7899ce3d98db7e13dbd3b7cf2d23dd433dc6104";
inline constexpr std::string_view ck_after_start = "2eb47881208e9eee1f669f67c66ee70ea9ea88090d503fe830dc4bc83e29bf10";
inline constexpr std::string_view h_after_act1_key = "48e770d0669771c0ee5bae50224d4bc7e33e98fe03ee68a1999921c796dd3bb3";
inline constexpr std::string_view h_after_act1_payload =
    "854d05aec2483b5e0604e2316ebb815f939813d58f424e424fe9b17573468136";
inline constexpr std::string_view h_after_act2_key = "97a6bc5208192b919790c49ef54824b13d253c9729ef0cebed227eba75e81d8d";
inline constexpr std::string_view ck_after_ee = "4a0b2ea0754e3d8feb5c1a13d76d5736f34dfc99ab230297069f75588bea13e3";
inline constexpr std::string_view shared_ee = "710c259253fe00e0fb0b6e12854b6b26936a4ac6dba6d219977a2c58a103fe77";
inline constexpr std::string_view k_after_ee = "58983a887260ffa8458eed0e2a93980412812effabb11e5ac697e26de2ac779a";
inline constexpr std::string_view h_after_static_key =
    "a639579e78a77428e41c86d4873632daf7cecb3cc8638c4eb4ab98f702a6cc31";
inline constexpr std::string_view ck_after_es = "2f3d9171f0f414e5072a6bfc255ac7843e87d0eed6fee065453bdea86e526e55";
inline constexpr std::string_view shared_es = "df5a5665200d97767e62c48771cc91d5b2067764489c774010910dcb0287d3fc";
inline constexpr std::string_view k_after_es = "24eac0bc71ed0bf6e08388c85991b5a186294dfa70c0f70a19ec480bcca3dbd3";
inline constexpr std::string_view h_after_certificate =
    "5f579eccd8d3ff29119f708796688a5fc3570c9e610be69d6269991a666bf5ce";
inline constexpr std::string_view initiator_to_responder =
    "f594ff9a43b8dd236b2419d2c4ee89d3dc7d9ef992f49c0608e88b26320e0661";
inline constexpr std::string_view responder_to_initiator =
    "0d28b9191d345be67b885fe27e15915caceafc013b02bd6965d81895bceb1369";

} // namespace reference
