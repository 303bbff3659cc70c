// A body as a client that compresses sends it.
#ifndef PLIMSOLL_TESTS_SUPPORT_GZIP_BODY_H_
#define PLIMSOLL_TESTS_SUPPORT_GZIP_BODY_H_

#include <zlib.h>

#include <string>
#include <string_view>

namespace plimsoll::testing {

// One member; `window` 16 + MAX_WBITS is gzip, MAX_WBITS is zlib.
inline std::string Zip(std::string_view bytes, int window = 16 + MAX_WBITS) {
  z_stream stream = {};
  deflateInit2(&stream, Z_BEST_COMPRESSION, Z_DEFLATED, window, 8,
               Z_DEFAULT_STRATEGY);
  std::string out(deflateBound(&stream, bytes.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

}  // namespace plimsoll::testing

#endif  // PLIMSOLL_TESTS_SUPPORT_GZIP_BODY_H_
