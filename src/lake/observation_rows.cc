#include <algorithm>

#include "lake/rows.h"

namespace lander::lake {
namespace {

// Texts come from equipment: what is not UTF-8 would make the whole file unreadable elsewhere. Each
// byte that does not belong to a well-formed sequence (RFC 3629) becomes U+FFFD.
std::size_t sequence_at(std::string_view text, std::size_t at) {
  const auto byte = [&](std::size_t i) {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u;
  };
  const auto tail = [&](std::size_t i) { return (byte(i) & 0xC0) == 0x80; };
  const unsigned first = byte(at), second = byte(at + 1);
  if (first < 0x80) return 1;
  if (first >= 0xC2 && first <= 0xDF && tail(at + 1)) return 2;
  if (first >= 0xE0 && first <= 0xEF && tail(at + 1) && tail(at + 2))
    return (first == 0xE0 && second < 0xA0) || (first == 0xED && second > 0x9F) ? 0 : 3;
  if (first >= 0xF0 && first <= 0xF4 && tail(at + 1) && tail(at + 2) && tail(at + 3))
    return (first == 0xF0 && second < 0x90) || (first == 0xF4 && second > 0x8F) ? 0 : 4;
  return 0;
}

}  // namespace

std::string utf8_of(std::string_view text) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t length = sequence_at(text, at);
    if (length == 0) {
      out += "\xEF\xBF\xBD";
      ++at;
    } else {
      out += text.substr(at, length);
      at += length;
    }
  }
  return out;
}

namespace {

// One decoded block of the datastream whose rows are being given.
struct Piece {
  const link::SeriesBlock* of;
  sensing::Block block;
  const sensing::Datastream* context;  // may be null
  bool same_columns(const Piece& other) const {
    return of->revision == other.of->revision && of->utc_error == other.of->utc_error &&
           block.kind == other.block.kind;
  }
};

struct Ref {
  base::TimeUs time;  // UTC
  std::uint32_t piece, index;
};

constexpr std::size_t kStride = 4096;  // rows between two chances to end a row group

class Observations {
 public:
  Observations(const std::vector<Contents::Raw>& raw, const Context& context, ParquetWriter& out)
      : raw_(raw), context_(context), out_(out) {}

  base::Status put_all() {
    while (group_ < raw_.size()) {
      LANDER_TRY(load_group());
      for (std::size_t at = 0; at < refs_.size();) {
        const Piece& first = pieces_[refs_[at].piece];
        std::size_t end = at + 1;
        while (end < std::min(at + kStride, refs_.size()) &&
               (refs_[end].piece == refs_[end - 1].piece ||
                first.same_columns(pieces_[refs_[end].piece])))
          ++end;
        put_run(first, {refs_.data() + at, end - at});
        at = end;
        LANDER_TRY(out_.settle(at == refs_.size()));
      }
    }
    return {};
  }

 private:
  // Decodes all blocks of the next datastream and orders their rows by time.
  base::Status load_group() {
    pieces_.clear();
    refs_.clear();
    const Contents::Raw& head = raw_[group_];
    site_ = head.site;
    datastream_ = head.block.datastream;
    for (; group_ < raw_.size() && raw_[group_].site == site_ &&
           raw_[group_].block.datastream == datastream_;
         ++group_) {
      const link::SeriesBlock& of = raw_[group_].block;
      LANDER_ASSIGN(sensing::Block block, sensing::decode_block(of.block));
      if (block.kind > sensing::Kind::kText)
        return base::Error(base::Code::kInternal, "a block was taken and has no column");
      const auto piece = static_cast<std::uint32_t>(pieces_.size());
      for (std::uint32_t i = 0; i < block.size(); ++i) {
        const auto time = utc_of(block.times[i], of.utc_offset);
        if (!time)
          return base::Error(base::Code::kInternal, "a time was taken and is out of range");
        refs_.push_back({*time, piece, i});
      }
      const auto known = context_.find({site_, datastream_, of.revision});
      pieces_.push_back(
          {&of, std::move(block), known == context_.end() ? nullptr : &known->second});
    }
    const auto earlier = [](const Ref& a, const Ref& b) { return a.time < b.time; };
    if (!std::is_sorted(refs_.begin(), refs_.end(), earlier))
      std::stable_sort(refs_.begin(), refs_.end(), earlier);
    return {};
  }

  void put_run(const Piece& piece, std::span<const Ref> run) {
    column_ = 0;
    rows_ = run.size();
    const sensing::Datastream* known = piece.context;
    same(std::string_view(site_));
    same(std::string_view(datastream_));
    same(std::int64_t{piece.of->revision});
    same(known ? Cell(std::string_view(known->asset)) : Cell());
    same(known ? Cell(std::string_view(known->property)) : Cell());
    same(known ? Cell(std::string_view(known->unit)) : Cell());
    longs_.clear();
    for (const Ref& ref : run) longs_.push_back(ref.time);
    out_.longs(column_++, longs_);
    const base::DurationUs error = piece.of->utc_error;
    same(error == INT64_MAX ? Cell() : Cell(error));
    put_qualities(run);
    same(sensing::to_string(piece.block.kind));
    put_values(piece.block.kind, run);
    LANDER_CHECK(column_ == columns_of(Table::kObservation).size());
  }

  void same(const Cell& cell) { out_.same(column_++, cell, rows_); }

  // quality, quality_name
  void put_qualities(std::span<const Ref> run) {
    const auto quality = [&](const Ref& ref) {
      return pieces_[ref.piece].block.qualities[ref.index];
    };
    for (std::size_t row = 0, end = 0; row < run.size(); row = end) {
      const sensing::Quality one = quality(run[row]);
      while (end < run.size() && quality(run[end]) == one) ++end;
      out_.same(column_, std::int64_t{static_cast<std::uint32_t>(one)}, end - row);
      out_.same(column_ + 1, sensing::to_string(one), end - row);
    }
    column_ += 2;
  }

  // value, value_integer, value_text
  void put_values(sensing::Kind kind, std::span<const Ref> run) {
    const auto block = [&](const Ref& ref) -> const sensing::Block& {
      return pieces_[ref.piece].block;
    };
    doubles_.clear();
    longs_.clear();
    for (const Ref& ref : run) {
      if (kind == sensing::Kind::kNumber) doubles_.push_back(block(ref).numbers[ref.index]);
      if (kind == sensing::Kind::kInteger) longs_.push_back(block(ref).integers[ref.index]);
      if (kind == sensing::Kind::kBoolean) doubles_.push_back(block(ref).booleans[ref.index]);
    }
    for (const std::int64_t value : longs_) doubles_.push_back(static_cast<double>(value));
    const bool text = kind == sensing::Kind::kText, integer = kind == sensing::Kind::kInteger;
    if (text) {
      same({});
    } else {
      out_.doubles(column_++, doubles_);
    }
    if (integer) {
      out_.longs(column_++, longs_);
    } else {
      same({});
    }
    if (text) {
      for (const Ref& ref : run) out_.same(column_, utf8_of(block(ref).strings[ref.index]));
      ++column_;
    } else {
      same({});
    }
  }

  const std::vector<Contents::Raw>& raw_;
  const Context& context_;
  ParquetWriter& out_;
  std::size_t group_ = 0;  // the first block of the next datastream
  std::string site_, datastream_;
  std::vector<Piece> pieces_;
  std::vector<Ref> refs_;
  std::size_t column_ = 0, rows_ = 0;
  std::vector<std::int64_t> longs_;
  std::vector<double> doubles_;
};

}  // namespace

base::Status put_observations(std::vector<Contents::Raw>& raw, const Context& context,
                              ParquetWriter& out) {
  std::stable_sort(raw.begin(), raw.end(), [](const Contents::Raw& a, const Contents::Raw& b) {
    return std::tie(a.site, a.block.datastream) < std::tie(b.site, b.block.datastream);
  });
  return Observations(raw, context, out).put_all();
}

}  // namespace lander::lake
