// SPDX-License-Identifier: Apache-2.0
#include "engine/data/tar_writer.h"

#include <archive.h>
#include <archive_entry.h>
#include <fmt/format.h>

#include <cerrno>

#include "engine/io/atomic_file.h"

namespace moescope {

struct TarWriter::Output {
    AtomicFile file;
    archive* tar;
    EngineError failure;  // of the file, which libarchive can not carry
    bool failed = false;

    Output(AtomicFile target) : file(std::move(target)), tar(archive_write_new()) {
        if (!tar) throw std::bad_alloc();
    }
    ~Output() { archive_write_free(tar); }

    static la_ssize_t write(archive*, void* self, const void* bytes, size_t count) {
        auto* output = static_cast<Output*>(self);
        if (output->failed) return -1;
        const Status written = output->file.write(std::span(static_cast<const std::byte*>(bytes), count));
        if (written) return static_cast<la_ssize_t>(count);
        output->failed = true;
        output->failure = written.error();
        return -1;
    }

    void check(la_ssize_t status) const {
        if (status >= ARCHIVE_WARN) return;
        if (failed) throw EngineException(failure);
        const char* reason = archive_error_string(tar);
        throw EngineException(ErrorCode::Io, fmt::format("a tar shard could not be written ({}); choose another folder",
                                                         reason ? reason : "unknown reason"));
    }
};

TarWriter::TarWriter(const std::filesystem::path& path)
    : m_output(std::make_unique<Output>(AtomicFile::create(path).orThrow())) {
    archive* tar = m_output->tar;
    m_output->check(archive_write_set_format_pax_restricted(tar));
    m_output->check(archive_write_set_bytes_in_last_block(tar, 1));
    m_output->check(archive_write_open(tar, m_output.get(), nullptr, Output::write, nullptr));
}

TarWriter::~TarWriter() {
    if (m_output) archive_write_fail(m_output->tar);  // writes nothing more while it is freed
}

void TarWriter::add(const std::string& name, std::span<const std::byte> content) {
    const std::unique_ptr<archive_entry, void (*)(archive_entry*)> entry(archive_entry_new(), archive_entry_free);
    if (!entry) throw std::bad_alloc();
    archive_entry_set_pathname_utf8(entry.get(), name.c_str());
    archive_entry_set_size(entry.get(), static_cast<la_int64_t>(content.size()));
    archive_entry_set_filetype(entry.get(), AE_IFREG);
    archive_entry_set_perm(entry.get(), 0644);
    archive_entry_set_mtime(entry.get(), 0, 0);
    m_output->check(archive_write_header(m_output->tar, entry.get()));
    m_output->check(archive_write_data(m_output->tar, content.data(), content.size()));
}

void TarWriter::add(const std::string& name, std::string_view text) {
    add(name, std::as_bytes(std::span(text)));
}

void TarWriter::close() {
    m_output->check(archive_write_close(m_output->tar));
    m_output->file.commit().orThrow();
}

}  // namespace moescope
