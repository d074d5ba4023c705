// What an MQTT broker may send: packets in any pieces, and payloads of any bytes. Read or refused;
// what one reader takes from a stream does not depend on how the stream was cut, and the JSON
// walker finds every leaf that the JSON library's own tree has.
#include <algorithm>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/check.h"
#include "sensing/value.h"
#include "source/json_leaves.h"
#include "source/mqtt_codec.h"
#include "source/payload_offers.h"
#include "source/topic_table.h"

namespace {

using namespace lander;

std::string read_stream(base::ByteView bytes, std::size_t piece) {
  source::MqttReader reader;
  source::MqttPacket packet;
  std::string seen;
  for (std::size_t at = 0; at < bytes.size(); at += piece) {
    reader.append(bytes.subspan(at, std::min(piece, bytes.size() - at)));
    for (;;) {
      const auto ready = reader.next(packet);
      if (!ready.ok()) return seen + "!";
      if (!*ready) break;
      seen += static_cast<char>(packet.type);
      seen += packet.topic;
      seen += base::as_text(packet.payload);
    }
    LANDER_CHECK(reader.buffered_bytes() <= source::kMaxMqttPacketBytes + piece + 5);
  }
  return seen;
}

source::TopicTable make_table() {
  std::vector<source::Bound> bound;
  sensing::SeriesKey series = 1;
  for (const auto& [address, kind] :
       {std::pair("t#/v", sensing::Kind::kNumber), std::pair("t#/a/0", sensing::Kind::kInteger),
        std::pair("t", sensing::Kind::kText), std::pair("t", sensing::Kind::kNumber),
        std::pair("t#/b", sensing::Kind::kBoolean), std::pair("t#", sensing::Kind::kNumber),
        std::pair("t#/w", sensing::Kind::kWaveform), std::pair("t", sensing::Kind::kWaveform),
        std::pair("t#/i", sensing::Kind::kInterval), std::pair("t", sensing::Kind::kObject)}) {
    source::Bound one;
    one.series = series++;
    one.datastream.id = "d" + std::to_string(one.series);
    one.datastream.kind = kind;
    one.datastream.binding.address = address;
    if (one.series == 1) {
      one.datastream.binding.time_pointer = "/t";
      one.datastream.binding.sequence_pointer = "/seq";
    }
    bound.push_back(one);
  }
  auto table = source::TopicTable::make(bound);
  LANDER_CHECK(table.ok());
  return std::move(*table);
}

void check_leaves(std::string_view text) {
  std::size_t leaves = 0;
  const auto walked = source::walk_json(text, [&](std::string_view pointer, const source::Raw&) {
    LANDER_CHECK(source::valid_pointer(pointer).ok());
    return ++leaves < 10'000;
  });
  const auto tree = nlohmann::json::parse(text.begin(), text.end(), nullptr, false);
  if (!walked.ok()) {
    LANDER_CHECK(!walked.error().message().empty());
    const bool deep = walked.error().message().find("deeper") != std::string::npos;
    LANDER_CHECK(tree.is_discarded() || deep);
  } else if (!tree.is_discarded() && !tree.is_structured()) {
    LANDER_CHECK(leaves == 1);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const base::ByteView bytes(data, size);
  LANDER_CHECK(read_stream(bytes, size + 1) == read_stream(bytes, 1 + size / 7));

  static const source::TopicTable table = make_table();
  std::vector<sensing::Observation> out;
  std::string problem;
  const auto keep = [](base::ByteView content, std::string_view media_type) {
    return base::Result<sensing::Object>(
        sensing::Object{{}, content.size(), std::string(media_type)});
  };
  const auto problems = table.decode({"t", bytes, false, 1}, keep, out, problem);
  LANDER_CHECK(problems.ok());
  LANDER_CHECK(out.size() <= 10 && (*problems == 0 || !problem.empty()));
  source::CandidateTable candidates;
  source::offer_payload(candidates, "t", bytes);
  LANDER_CHECK(source::is_utf8(problem));
  for (const sensing::Observation& one : out) LANDER_CHECK(sensing::valid(one.value).ok());
  for (const sensing::Observation& one : out)
    if (const auto* text = std::get_if<std::string>(&one.value))
      LANDER_CHECK(source::is_utf8(*text));
  check_leaves(base::as_text(bytes));
  return 0;
}
