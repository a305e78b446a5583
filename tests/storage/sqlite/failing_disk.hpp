// What SQLite writes and syncs, counted, and made to fail at a chosen place: SQLite's own file system with a few of its
// calls replaced. For every connection that is opened while one of these lives.
#pragma once

#include <sqlite3.h>

#include <atomic>
#include <functional>
#include <list>
#include <string_view>

namespace support {

class FailingDisk {
  public:
    enum class Call { write, sync, grow_index };

    FailingDisk() {
        sqlite3_vfs* const real = sqlite3_vfs_find(nullptr);
        real_open = real->xOpen;
        vfs_ = *real;
        vfs_.zName = "failing";
        vfs_.xOpen = open;
        sqlite3_vfs_register(&vfs_, 1);
        heal();
    }
    FailingDisk(const FailingDisk&) = delete;
    FailingDisk& operator=(const FailingDisk&) = delete;
    ~FailingDisk() {
        heal();
        sqlite3_vfs_unregister(&vfs_);
    }

    // What each write (or growth of the journal's index) and each sync of a file answers instead of being done;
    // SQLITE_OK: it is done.
    void decide(std::function<int(Call, std::string_view file)> answer) { rule = std::move(answer); }
    void heal() {
        rule = {};
        last_error = 0;
    }

    // What SQLite is told that the system said, as long as it is not 0.
    static inline int last_error = 0;

    // The call of that kind after `before` others fails with this code, and those behind it do not.
    void fail_once(Call which, int before, int code, int system_error) {
        decide([=, left = before](Call call, std::string_view) mutable {
            if (call != which || left-- != 0) return SQLITE_OK;
            last_error = system_error;
            return code;
        });
    }

  private:
    struct Methods : sqlite3_io_methods {
        const sqlite3_io_methods* real = nullptr;
        const char* name = "";
    };

    static int answer(Call call, sqlite3_file* file) {
        return rule ? rule(call, static_cast<const Methods*>(file->pMethods)->name) : SQLITE_OK;
    }
    static const sqlite3_io_methods& real(sqlite3_file* file) {
        return *static_cast<const Methods*>(file->pMethods)->real;
    }

    static int write(sqlite3_file* file, const void* bytes, int size, sqlite3_int64 offset) {
        if (const int code = answer(Call::write, file); code != SQLITE_OK) return code;
        return real(file).xWrite(file, bytes, size, offset);
    }
    static int sync(sqlite3_file* file, int flags) {
        if (const int code = answer(Call::sync, file); code != SQLITE_OK) return code;
        return real(file).xSync(file, flags);
    }
    static int map_index(sqlite3_file* file, int region, int size, int may_grow, void volatile** out) {
        if (const int code = may_grow != 0 ? answer(Call::grow_index, file) : SQLITE_OK; code != SQLITE_OK) return code;
        return real(file).xShmMap(file, region, size, may_grow, out);
    }
    static int control(sqlite3_file* file, int operation, void* argument) {
        if (operation != SQLITE_FCNTL_LAST_ERRNO || last_error == 0)
            return real(file).xFileControl(file, operation, argument);
        *static_cast<int*>(argument) = last_error;
        return SQLITE_OK;
    }

    static int open(sqlite3_vfs* vfs, const char* name, sqlite3_file* file, int flags, int* out_flags) {
        const int code = real_open(vfs, name, file, flags, out_flags);
        if (file->pMethods == nullptr) return code;
        // One for each opened file, kept: SQLite may look at it until the process ends.
        static std::list<Methods> all;
        Methods& methods = all.emplace_back();
        static_cast<sqlite3_io_methods&>(methods) = *file->pMethods;
        methods.real = file->pMethods;
        methods.name = (flags & SQLITE_OPEN_WAL) != 0 ? "journal" : "database";
        methods.xWrite = write;
        methods.xSync = sync;
        methods.xShmMap = map_index;
        methods.xFileControl = control;
        file->pMethods = &methods;
        return code;
    }

    sqlite3_vfs vfs_{};
    static inline decltype(sqlite3_vfs::xOpen) real_open = nullptr;
    static inline std::function<int(Call, std::string_view)> rule;
};

} // namespace support
