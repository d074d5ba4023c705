// Runs a fuzzer's target without libFuzzer: every file of a corpus as it is, cut short at many
// places and with single bytes changed. Deterministic and quick: a regression test, not a search.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

using Input = std::vector<std::uint8_t>;

// A copy of its exact size on the heap: what reads past the end is seen by a sanitizer.
void give(const Input& input, std::size_t size) {
  const Input exact(input.begin(), input.begin() + static_cast<std::ptrdiff_t>(size));
  LLVMFuzzerTestOneInput(exact.data(), exact.size());
}

std::size_t replay(const Input& input) {
  constexpr std::size_t kCuts = 200, kChanges = 500;
  std::size_t runs = 0;
  give(input, input.size());
  const std::size_t step = std::max<std::size_t>(1, input.size() / kCuts);
  for (std::size_t size = 0; size < input.size(); size += step, ++runs) give(input, size);
  std::mt19937_64 random(input.size());
  for (std::size_t i = 0; i < kChanges && !input.empty(); ++i, ++runs) {
    Input changed = input;
    changed[random() % changed.size()] = static_cast<std::uint8_t>(random());
    give(changed, changed.size());
  }
  return runs + 1;
}

}  // namespace

int main(int argc, char** argv) {
  std::size_t runs = replay({});
  for (int i = 1; i < argc; ++i) {
    std::error_code none;
    std::vector<std::filesystem::path> files;
    for (const auto& entry : std::filesystem::directory_iterator(argv[i], none)) {
      files.push_back(entry.path());
    }
    std::sort(files.begin(), files.end());
    for (const auto& path : files) {
      std::ifstream stream(path, std::ios::binary);
      runs += replay(Input(std::istreambuf_iterator<char>(stream), {}));
    }
  }
  std::mt19937_64 random(1);
  for (int i = 0; i < 2000; ++i, ++runs) {
    Input noise(random() % 200);
    for (auto& byte : noise) byte = static_cast<std::uint8_t>(random());
    give(noise, noise.size());
  }
  std::printf("%zu inputs\n", runs);
  return 0;
}
