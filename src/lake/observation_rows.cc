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

class ObservationRows : public TableRows {
 public:
  ObservationRows(const std::vector<Contents::Raw>& raw, const Context& context)
      : raw_(raw), context_(context) {}

  base::Result<std::size_t> next(Chunk& chunk) override {
    while (at_ == refs_.size()) {
      if (group_ == raw_.size()) return std::size_t{0};
      LANDER_TRY(load_group());
    }
    const Piece& first = pieces_[refs_[at_].piece];
    std::size_t count = 1;
    while (count < kChunkRows && at_ + count < refs_.size() &&
           first.same_columns(pieces_[refs_[at_ + count].piece]))
      ++count;
    const std::span<const Ref> run(refs_.data() + at_, count);
    column_ = 0;
    put_names(chunk, first);
    put_times(chunk, first, run);
    put_qualities(chunk, run);
    chunk.same(column_++, sensing::to_string(first.block.kind));
    put_values(chunk, first.block.kind, run);
    LANDER_CHECK(column_ == columns_of(Table::kObservation).size());
    at_ += count;
    extent_.rows += count;
    return count;
  }

 private:
  // Decodes all blocks of the next datastream and orders their rows by time.
  base::Status load_group() {
    pieces_.clear();
    refs_.clear();
    at_ = 0;
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

  void put_names(Chunk& chunk, const Piece& piece) {
    chunk.same(column_++, std::string_view(site_));
    chunk.same(column_++, std::string_view(datastream_));
    chunk.same(column_++, std::int64_t{piece.of->revision});
    const sensing::Datastream* known = piece.context;
    chunk.same(column_++, known ? Cell(std::string_view(known->asset)) : Cell());
    chunk.same(column_++, known ? Cell(std::string_view(known->property)) : Cell());
    chunk.same(column_++, known ? Cell(std::string_view(known->unit)) : Cell());
    extent_.widen("site", site_);
    extent_.widen("datastream", datastream_);
  }

  void put_times(Chunk& chunk, const Piece& piece, std::span<const Ref> run) {
    longs_.clear();
    for (const Ref& ref : run) longs_.push_back(ref.time);
    chunk.longs(column_++, longs_);
    const base::DurationUs error = piece.of->utc_error;
    chunk.same(column_++, error == INT64_MAX ? Cell() : Cell(error));
    extent_.widen("time", run.front().time);
    extent_.widen("time", run.back().time);
  }

  void put_qualities(Chunk& chunk, std::span<const Ref> run) {
    const auto quality = [&](const Ref& ref) {
      return pieces_[ref.piece].block.qualities[ref.index];
    };
    const sensing::Quality first = quality(run.front());
    const bool all_same =
        std::all_of(run.begin(), run.end(), [&](const Ref& ref) { return quality(ref) == first; });
    if (all_same) {
      chunk.same(column_++, std::int64_t{static_cast<std::uint32_t>(first)});
      chunk.same(column_++, sensing::to_string(first));
      return;
    }
    for (std::size_t row = 0; row < run.size(); ++row) {
      const sensing::Quality one = quality(run[row]);
      chunk.cell(column_, row, std::int64_t{static_cast<std::uint32_t>(one)});
      chunk.cell(column_ + 1, row, sensing::to_string(one));
    }
    column_ += 2;
  }

  // value, value_integer, value_text
  void put_values(Chunk& chunk, sensing::Kind kind, std::span<const Ref> run) {
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
    if (kind == sensing::Kind::kText) {
      chunk.same(column_, Cell());
      chunk.same(column_ + 1, Cell());
      for (std::size_t row = 0; row < run.size(); ++row)
        chunk.cell(column_ + 2, row, utf8_of(block(run[row]).strings[run[row].index]));
    } else {
      chunk.doubles(column_, doubles_);
      if (kind == sensing::Kind::kInteger)
        chunk.longs(column_ + 1, longs_);
      else
        chunk.same(column_ + 1, Cell());
      chunk.same(column_ + 2, Cell());
    }
    column_ += 3;
  }

  const std::vector<Contents::Raw>& raw_;
  const Context& context_;
  std::size_t group_ = 0;  // the first block of the next datastream
  std::string site_, datastream_;
  std::vector<Piece> pieces_;
  std::vector<Ref> refs_;
  std::size_t at_ = 0, column_ = 0;
  std::vector<std::int64_t> longs_;
  std::vector<double> doubles_;
};

}  // namespace

std::unique_ptr<TableRows> observation_rows(std::vector<Contents::Raw>& raw,
                                            const Context& context) {
  if (raw.empty()) return nullptr;
  std::stable_sort(raw.begin(), raw.end(), [](const Contents::Raw& a, const Contents::Raw& b) {
    return std::tie(a.site, a.block.datastream) < std::tie(b.site, b.block.datastream);
  });
  return std::make_unique<ObservationRows>(raw, context);
}

}  // namespace lander::lake
