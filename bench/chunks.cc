// Chunks of a data set's numeric series, and Gorilla's of the same: bytes and speeds, for
// bench/chunks.py, which runs it. Input: for each series, little-endian: u64 samples, that many i64
// times in us, that many doubles. Output: a line of JSON; and, when told where, every chunk as u64
// length and bytes. Everything is decoded and compared. Gorilla: Pelkonen et al., VLDB 2015,
// section 4.1, with times in the coarsest unit that holds all of a series exactly (seconds, ms or
// us), and 64-bit escapes where the paper has 32.
#include <time.h>

#include <bit>
#include <cstring>
#include <fstream>
#include <iterator>
#include <span>

#include "measure.h"
#include "sensing/chunk.h"

namespace {

using lander::base::Bytes;
using lander::sensing::Block;

// Processor time of this thread: others may compute on this machine.
double cpu_seconds() {
  timespec now{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}

class Bits {
 public:
  void put(std::uint64_t value, unsigned bits) {
    for (unsigned i = bits; i-- > 0; ++size_) {
      if (size_ % 8 == 0) bytes.push_back(0);
      bytes.back() |= static_cast<std::uint8_t>((value >> i & 1) << (7 - size_ % 8));
    }
  }
  std::uint64_t get(unsigned bits) {
    std::uint64_t value = 0;
    for (unsigned i = 0; i < bits; ++i, ++at_) {
      value = value << 1 | (bytes[at_ / 8] >> (7 - at_ % 8) & 1);
    }
    return value;
  }
  Bytes bytes;

 private:
  std::size_t size_ = 0, at_ = 0;
};

// The paper's ranges of delta of delta: how many bits, behind how many ones and a zero.
constexpr unsigned kRanges[] = {0, 7, 9, 12, 64};

struct Gorilla {
  static Bytes encode(std::span<const std::int64_t> times, std::span<const double> values,
                      std::int64_t unit) {
    Bits out;
    std::int64_t before = 0, delta = 0;
    std::uint64_t last = 0;
    unsigned leading = 65, trailing = 0;
    for (std::size_t i = 0; i < times.size(); ++i) {
      const std::int64_t time = times[i] / unit, change = time - before - delta;
      if (i == 0) {
        out.put(static_cast<std::uint64_t>(time), 64);
      } else {
        put_change(out, change);
        delta = time - before;
      }
      before = time;
      const auto bits = std::bit_cast<std::uint64_t>(values[i]);
      put_value(out, i == 0, bits, last, leading, trailing);
      last = bits;
    }
    return out.bytes;
  }
  static void put_change(Bits& out, std::int64_t change) {
    unsigned range = change == 0 ? 0 : 1;
    for (; range > 0 && range < 4; ++range) {
      const std::int64_t half = std::int64_t{1} << (kRanges[range] - 1);
      if (change > -half && change <= half) break;
    }
    if (range == 4) {
      out.put(15, 4);
    } else {
      out.put((1u << (range + 1)) - 2, range + 1);
    }
    out.put(static_cast<std::uint64_t>(change), kRanges[range]);
  }
  static void put_value(Bits& out, bool first, std::uint64_t bits, std::uint64_t last,
                        unsigned& leading, unsigned& trailing) {
    if (first) return out.put(bits, 64);
    const std::uint64_t changed = bits ^ last;
    if (changed == 0) return out.put(0, 1);
    const auto zeros = std::min(31u, static_cast<unsigned>(std::countl_zero(changed)));
    const auto ends = static_cast<unsigned>(std::countr_zero(changed));
    if (leading <= 64 && zeros >= leading && ends >= trailing) {
      out.put(2, 2);
    } else {
      leading = zeros;
      trailing = ends;
      out.put(3, 2);
      out.put(leading, 5);
      out.put(64 - leading - trailing - 1, 6);
    }
    out.put(changed >> trailing, 64 - leading - trailing);
  }
  static bool same(const Bytes& bytes, std::span<const std::int64_t> times,
                   std::span<const double> values, std::int64_t unit) {
    Bits in;
    in.bytes = bytes;
    std::int64_t time = 0, delta = 0;
    std::uint64_t bits = 0;
    unsigned leading = 0, length = 0;
    for (std::size_t i = 0; i < times.size(); ++i) {
      if (i == 0) {
        time = static_cast<std::int64_t>(in.get(64));
        bits = in.get(64);
      } else {
        unsigned range = 0;
        while (range < 4 && in.get(1) == 1) ++range;
        std::int64_t change = static_cast<std::int64_t>(in.get(kRanges[range]));
        if (range > 0 && range < 4 && change > std::int64_t{1} << (kRanges[range] - 1)) {
          change -= std::int64_t{1} << kRanges[range];
        }
        delta += change;
        time += delta;
        if (in.get(1) == 1) {
          if (in.get(1) == 1) {
            leading = static_cast<unsigned>(in.get(5));
            length = static_cast<unsigned>(in.get(6)) + 1;
          }
          bits ^= in.get(length) << (64 - leading - length);
        }
      }
      if (time * unit != times[i] || bits != std::bit_cast<std::uint64_t>(values[i])) return false;
    }
    return true;
  }
};

struct Series {
  std::vector<std::int64_t> times;
  std::vector<double> values;
};

std::vector<Series> read(const char* path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) bench::fail(std::string("cannot read ") + path);
  std::vector<Series> all;
  std::uint64_t count = 0;
  while (in.read(reinterpret_cast<char*>(&count), 8)) {
    Series& series = all.emplace_back();
    series.times.resize(count);
    series.values.resize(count);
    in.read(reinterpret_cast<char*>(series.times.data()), static_cast<std::streamsize>(8 * count));
    in.read(reinterpret_cast<char*>(series.values.data()), static_cast<std::streamsize>(8 * count));
    if (!in) bench::fail(std::string("cut short: ") + path);
  }
  return all;
}

std::vector<Block> blocks_of(const std::vector<Series>& all) {
  std::vector<Block> blocks;
  for (const Series& series : all) {
    for (std::size_t at = 0; at < series.times.size(); at += lander::sensing::kChunkSamples) {
      const std::size_t end = std::min(series.times.size(), at + lander::sensing::kChunkSamples);
      const auto from = static_cast<std::ptrdiff_t>(at), to = static_cast<std::ptrdiff_t>(end);
      Block& block = blocks.emplace_back();
      block.times.assign(series.times.begin() + from, series.times.begin() + to);
      block.numbers.assign(series.values.begin() + from, series.values.begin() + to);
      block.qualities.assign(end - at, lander::sensing::Quality::kGood);
    }
  }
  return blocks;
}

std::int64_t unit_of(const Series& series) {
  for (const std::int64_t unit : {1'000'000, 1'000}) {
    if (std::all_of(series.times.begin(), series.times.end(),
                    [&](auto time) { return time % unit == 0; })) {
      return unit;
    }
  }
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) bench::fail("bench_chunks SERIES [CHUNKS]: run ./dev bench chunks");
  const std::vector<Series> all = read(argv[1]);
  const std::vector<Block> blocks = blocks_of(all);
  std::size_t samples = 0, bytes = 0, gorilla = 0;
  for (const Block& block : blocks) samples += block.size();

  std::vector<Bytes> chunks(blocks.size());
  double begin = cpu_seconds(), encoding = 0, decoding = 0;
  for (std::size_t i = 0; i < blocks.size(); ++i)
    chunks[i] = lander::sensing::encode_chunk(blocks[i]);
  encoding = cpu_seconds() - begin;
  for (const Bytes& chunk : chunks) bytes += chunk.size();
  Block back;
  std::size_t rounds = 0;
  for (begin = cpu_seconds(); rounds == 0 || (decoding < 0.5 && rounds < 1000); ++rounds) {
    for (const Bytes& chunk : chunks) bench::must(lander::sensing::decode_chunk(chunk, back));
    decoding = cpu_seconds() - begin;
  }
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    bench::must(lander::sensing::decode_chunk(chunks[i], back));
    if (back.times != blocks[i].times || back.qualities != blocks[i].qualities ||
        std::memcmp(back.numbers.data(), blocks[i].numbers.data(), 8 * back.size()) != 0) {
      bench::fail("a chunk came back different");
    }
  }

  // A stream of a series each, as long as it is: better for Gorilla than its blocks of two hours.
  begin = cpu_seconds();
  std::vector<Bytes> streams;
  for (const Series& series : all) {
    streams.push_back(Gorilla::encode(series.times, series.values, unit_of(series)));
  }
  const double gorilla_encoding = cpu_seconds() - begin;
  for (std::size_t i = 0; i < all.size(); ++i) {
    gorilla += streams[i].size();
    if (!Gorilla::same(streams[i], all[i].times, all[i].values, unit_of(all[i]))) {
      bench::fail("Gorilla came back different");
    }
  }

  if (argc > 2) {
    std::ofstream out(argv[2], std::ios::binary);
    for (const Bytes& chunk : chunks) {
      const std::uint64_t size = chunk.size();
      out.write(reinterpret_cast<const char*>(&size), 8);
      out.write(reinterpret_cast<const char*>(chunk.data()), static_cast<std::streamsize>(size));
    }
  }
  std::printf(
      "{\"series\": %zu, \"samples\": %zu, \"chunks\": %zu, \"chunk_bytes\": %zu, "
      "\"gorilla_bytes\": %zu, "
      "\"encode_per_s\": %.0f, \"decode_per_s\": %.0f, \"gorilla_encode_per_s\": %.0f}\n",
      all.size(), samples, chunks.size(), bytes, gorilla, static_cast<double>(samples) / encoding,
      static_cast<double>(samples * rounds) / decoding,
      static_cast<double>(samples) / gorilla_encoding);
  return 0;
}
