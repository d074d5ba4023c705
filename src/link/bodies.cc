#include "link/codec.h"
#include "link/link.h"

namespace lander::link {
namespace {

constexpr std::uint64_t kFormat = 1;
constexpr std::size_t kMaxIdBytes = 64;
constexpr std::size_t kMaxDigestBytes = 128;
constexpr std::uint64_t kMaxBlobBytes = std::uint64_t{1} << 30;

base::Result<SeriesSummary> read_summary(base::CborReader& in) {
  SeriesSummary out;
  LANDER_TRY(in.array_of(9, "summary"));
  LANDER_ASSIGN(out.datastream, in.text_of(1, kMaxIdBytes, "a datastream's id"));
  LANDER_ASSIGN(const std::uint64_t revision, in.unsigned_integer());
  LANDER_ASSIGN(out.from, in.integer());
  LANDER_ASSIGN(out.span, in.integer());
  LANDER_ASSIGN(out.summary.count, in.integer());
  LANDER_ASSIGN(out.summary.others, in.integer());
  LANDER_ASSIGN(out.summary.least, in.real());
  LANDER_ASSIGN(out.summary.most, in.real());
  LANDER_ASSIGN(out.summary.sum, in.real());
  if (revision == 0 || revision > UINT32_MAX) return in.corrupt("a revision from 1");
  if (out.span <= 0 || out.span > base::kDay) return in.corrupt("a span of up to a day");
  if (out.summary.count < 0 || out.summary.others < 0) return in.corrupt("counts from 0");
  out.revision = static_cast<std::uint32_t>(revision);
  return out;
}

base::Result<std::vector<SeriesSummary>> read_summaries(base::CborReader& in) {
  std::vector<SeriesSummary> out;
  LANDER_TRY(in.record(2, kFormat, "summaries"));
  LANDER_ASSIGN(const std::uint64_t count, in.array());
  for (std::uint64_t i = 0; i < count; ++i) {
    LANDER_ASSIGN(SeriesSummary summary, read_summary(in));
    out.push_back(std::move(summary));
  }
  LANDER_TRY(in.end());
  return out;
}

base::Result<BlobPiece> read_blob(base::CborReader& in) {
  BlobPiece out;
  LANDER_TRY(in.record(5, kFormat, "piece of a blob"));
  LANDER_ASSIGN(out.digest, in.text_of(1, kMaxDigestBytes, "a digest"));
  LANDER_ASSIGN(out.offset, in.unsigned_integer());
  LANDER_ASSIGN(out.total, in.unsigned_integer());
  LANDER_ASSIGN(const base::ByteView bytes, in.bytes());
  if (out.total > kMaxBlobBytes) return in.corrupt("a blob of at most 1 GiB");
  if (bytes.size() > kBlobChunkBytes) return in.corrupt("a piece of at most 256 KiB");
  if (out.offset > out.total || bytes.size() > out.total - out.offset) {
    return in.corrupt("a piece that lies within its blob");
  }
  LANDER_TRY(in.end());
  out.bytes.assign(bytes.begin(), bytes.end());
  return out;
}

}  // namespace

base::Bytes encode_summaries(const std::vector<SeriesSummary>& summaries) {
  base::CborWriter out;
  out.array(2).unsigned_integer(kFormat).array(summaries.size());
  for (const SeriesSummary& s : summaries) {
    out.array(9).text(s.datastream).unsigned_integer(s.revision).integer(s.from).integer(s.span);
    out.integer(s.summary.count).integer(s.summary.others);
    out.real(s.summary.least).real(s.summary.most).real(s.summary.sum);
  }
  return out.take();
}

base::Result<std::vector<SeriesSummary>> decode_summaries(base::ByteView body) {
  base::CborReader in(body);
  auto out = read_summaries(in);
  if (!out.ok()) return out.error().context("summaries");
  return out;
}

base::Bytes encode_blob(const BlobPiece& piece) {
  base::CborWriter out;
  out.array(5).unsigned_integer(kFormat).text(piece.digest).unsigned_integer(piece.offset);
  out.unsigned_integer(piece.total).bytes(piece.bytes);
  return out.take();
}

base::Result<BlobPiece> decode_blob(base::ByteView body) {
  base::CborReader in(body);
  auto out = read_blob(in);
  if (!out.ok()) return out.error().context("piece of a blob");
  return out;
}

}  // namespace lander::link
