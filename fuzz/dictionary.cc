// A dictionary's record, or a row of items' bodies, each behind its size (2 bytes): whatever a peer
// says, what is kept stays bounded and has one form.
#include "link/dictionary.h"

#include <algorithm>

#include "base/check.h"

namespace {

using namespace lander;

void expect_kept(const link::Dictionary& dictionary) {
  const base::Bytes record = dictionary.encode();
  const auto back = link::Dictionary::decode(record);
  LANDER_CHECK(back.ok() && back->encode() == record);
  LANDER_CHECK(back->size() == dictionary.size() && back->size() <= link::Dictionary::kMax);
  for (std::size_t i = 0; i < back->size(); ++i) {
    const auto* subject = back->subject_at(i);
    const auto* datastream = back->datastream_at(i);
    LANDER_CHECK((subject ? back->subject(*subject) : back->datastream(*datastream)) == i);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  base::ByteView in(data + 1, size - 1);
  if (data[0] % 2 == 0) {
    const auto dictionary = link::Dictionary::decode(in);
    if (!dictionary.ok()) return 0;
    const base::Bytes again = dictionary->encode();
    LANDER_CHECK(std::equal(again.begin(), again.end(), in.begin(), in.end()));
    expect_kept(*dictionary);
    return 0;
  }
  link::Dictionary dictionary;
  while (in.size() >= 2) {
    const std::size_t body = std::min<std::size_t>(in[0] | in[1] << 8, in.size() - 2);
    const auto taken = dictionary.take(in.subspan(2, body));
    LANDER_CHECK(!taken.ok() || dictionary.take(in.subspan(2, body)).ok());
    in = in.subspan(2 + body);
  }
  expect_kept(dictionary);
  return 0;
}
