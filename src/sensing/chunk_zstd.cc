#define ZSTD_STATIC_LINKING_ONLY  // frames without the magic number
#include "sensing/chunk_zstd.h"

#include <zstd.h>

#include <memory>

#include "base/check.h"

namespace lander::sensing {
namespace {

constexpr int kLevel = 3;
constexpr int kWindowLog = 24;  // of kMaxChunkBytes; more is refused

struct Free {
  void operator()(ZSTD_CCtx* context) const { ZSTD_freeCCtx(context); }
  void operator()(ZSTD_DCtx* context) const { ZSTD_freeDCtx(context); }
};

ZSTD_CCtx* compressor() {
  thread_local const std::unique_ptr<ZSTD_CCtx, Free> context = [] {
    std::unique_ptr<ZSTD_CCtx, Free> made(ZSTD_createCCtx());
    LANDER_CHECK(made != nullptr);
    ZSTD_CCtx_setParameter(made.get(), ZSTD_c_compressionLevel, kLevel);
    ZSTD_CCtx_setParameter(made.get(), ZSTD_c_format, ZSTD_f_zstd1_magicless);
    ZSTD_CCtx_setParameter(made.get(), ZSTD_c_contentSizeFlag, 0);
    return made;
  }();
  return context.get();
}

ZSTD_DCtx* decompressor() {
  thread_local const std::unique_ptr<ZSTD_DCtx, Free> context = [] {
    std::unique_ptr<ZSTD_DCtx, Free> made(ZSTD_createDCtx());
    LANDER_CHECK(made != nullptr);
    ZSTD_DCtx_setParameter(made.get(), ZSTD_d_format, ZSTD_f_zstd1_magicless);
    ZSTD_DCtx_setParameter(made.get(), ZSTD_d_windowLogMax, kWindowLog);
    return made;
  }();
  return context.get();
}

}  // namespace

void squeeze(base::ByteView bytes, base::Bytes& out) {
  out.resize(ZSTD_compressBound(bytes.size()));
  const std::size_t size =
      ZSTD_compress2(compressor(), out.data(), out.size(), bytes.data(), bytes.size());
  LANDER_CHECK(!ZSTD_isError(size));
  out.resize(size);
}

bool unsqueeze(base::ByteView bytes, std::span<std::uint8_t> out) {
  return ZSTD_decompressDCtx(decompressor(), out.data(), out.size(), bytes.data(), bytes.size()) ==
         out.size();
}

}  // namespace lander::sensing
