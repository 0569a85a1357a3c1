"""Functions reached through all forms of import."""
from __future__ import annotations

from .model import change

TAX = ('== tax.py\nRATE = 0.2\n\n\ndef tax(price):\n    return price * 2\n', ("price * 2", "price * 3"))
DEEP = '== shop/__init__.py\n== shop/core/__init__.py\n== shop/core/tax.py\ndef tax(price):\n    return price * 2\n'

CHANGES = [
    change("helper_module_alias", "rerun", "A module imported under an alias.", """
import tax as t

def step():
    return t.tax(3)
""" + TAX[0], TAX[1]),
    change("helper_function_alias", "rerun", "A function imported under an alias.", """
from tax import tax as levy

def step():
    return levy(3)
""" + TAX[0], TAX[1]),
    change("helper_star_import", "rerun", "A star import.", """
from tax import *

def step():
    return tax(3)
""" + TAX[0], TAX[1]),
    change("helper_star_import_with_all", "rerun", "A star import that lists a private name in __all__.", """
from tax import *

def step():
    return _tax(3)
== tax.py
__all__ = ["_tax"]

def _tax(price):
    return price * 2
""", ("price * 2", "price * 3")),
    change("helper_dotted_import", "rerun", "`import a.b.c` binds a, and the chain leads on.", """
import shop.core.tax

def step():
    return shop.core.tax.tax(3)
""" + DEEP, ("price * 2", "price * 3")),
    change("helper_dotted_import_alias", "rerun", "`import a.b.c as x`.", """
import shop.core.tax as tax

def step():
    return tax.tax(3)
""" + DEEP, ("price * 2", "price * 3")),
    change("helper_dotted_import_inside", "rerun", "`import a.b.c` inside the function.", """
def step():
    import shop.core.tax
    return shop.core.tax.tax(3)
""" + DEEP, ("price * 2", "price * 3")),
    change("helper_import_inside_under_other_name", "rerun", "An import inside under another name.", """
def step():
    from shop.core import tax as levy
    function = levy.tax
    return function(3)
""" + DEEP, ("price * 2", "price * 3")),
    change("helper_relative_two_levels", "rerun", "A relative import two levels up.", """
from shop.core.tax import tax

def step():
    return tax(3)
== shop/__init__.py
== shop/rates.py
def rate():
    return 2
== shop/core/__init__.py
== shop/core/tax.py
from ..rates import rate

def tax(price):
    return price * rate()
""", ("return 2", "return 3")),
    change("helper_relative_inside_function", "rerun", "`from . import x` inside a function of a package.", """
from shop import total

def step():
    return total(3)
== shop/__init__.py
def total(price):
    from . import rates
    return price * rates.rate()
== shop/rates.py
def rate():
    return 2
""", ("return 2", "return 3")),
    change("helper_import_with_fallback", "rerun", "try/except ImportError takes the project's own copy.", """
try:
    from fast_tax_of_nobody import tax
except ImportError:
    from tax import tax

def step():
    return tax(3)
""" + TAX[0], TAX[1]),
    change("helper_import_by_condition", "rerun", "An import in the branch that is taken.", """
import sys

if sys.version_info >= (3,):
    from tax import tax
else:
    from oldtax import tax

def step():
    return tax(3)
""" + TAX[0], TAX[1]),
    change("helper_lazy_module_getattr", "rerun", "A package imports lazily in its __getattr__.", """
import shop

def step():
    return shop.tax(3)
== shop/__init__.py
def __getattr__(name):
    if name == "tax":
        from .taxes import tax
        return tax
    raise AttributeError(name)
== shop/taxes.py
def tax(price):
    return price * 2
""", ("price * 2", "price * 3")),
    change("helper_lazy_module_getattr_itself", "rerun", "The module's __getattr__ makes the value.", """
import settings

def step():
    return settings.retries
== settings.py
_VALUES = {"retries": 3}

def __getattr__(name):
    try:
        return _VALUES[name] + 1
    except KeyError:
        raise AttributeError(name)
""", ("_VALUES[name] + 1", "_VALUES[name] + 2")),
    change("helper_renamed_in_init", "rerun", "The package exports a function under another name.", """
from shop import levy

def step():
    return levy(3)
== shop/__init__.py
from .taxes import _tax as levy

__all__ = ["levy"]
== shop/taxes.py
def _tax(price):
    return price * 2
""", ("price * 2", "price * 3")),
    change("helper_other_function_chosen", "rerun", "The package exports another function under the same name.", """
from shop import tax

def step():
    return tax(3)
== shop/__init__.py
from .taxes import gross as tax
== shop/taxes.py
def gross(price):
    return price * 2

def net(price):
    return price
""", ("import gross as", "import net as")),
    change("helper_namespace_package", "rerun", "A folder without __init__.py.", """
from jobs.clean import clean

def step():
    return clean(" a ")
== jobs/clean.py
def clean(text):
    return text.strip()
""", ("text.strip()", "text.lstrip()")),
    change("helper_mutual_recursion_over_modules", "rerun", "Two modules call one another.", """
import even

def step():
    return even.is_even(7)
== even.py
import odd

def is_even(n):
    return True if n == 0 else odd.is_odd(n - 1)
== odd.py
import even

def is_odd(n):
    return False if n == 0 else even.is_even(n - 1)
""", ("return False if", "return None if")),
    change("helper_shadows_builtin", "rerun", "A function of the module has the name of a builtin.", """
def sum(values):
    total = 0
    for value in values:
        total += value
    return total

def step():
    return sum([1, 2])
""", ("total += value", "total += 2 * value")),
    change("helper_shadows_builtin_by_star", "rerun", "A star import begins to shadow a builtin.", """
from tools import *

def step():
    return round(2.5)
== tools.py
def unused():
    return 1
""", ("return 1\n", "return 1\n\ndef round(value):\n    return int(value) + 1\n")),
    change("helper_shadows_later_import", "rerun", "The second of two imports of one name wins.", """
from first import area
from second import area

def step():
    return area(2)
== first.py
def area(a):
    return a * a
== second.py
def area(a):
    return a * a * 3
""", ("a * a * 3", "a * a * 4")),
    change("helper_in_sys_path_folder", "rerun", "A folder put on sys.path by its name.", """
import os
import sys

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
import tax

def step():
    return tax.tax(3)
== lib/tax.py
def tax(price):
    return price * 2
""", ("price * 2", "price * 3")),
    change("helper_main_module_style", "rerun", "A helper called in an f-string's field.", """
def label(n):
    return "n=%d" % n

def step():
    return f"{label(3)!s:>6}"
""", ("n=%d", "n: %d")),
    change("helper_in_default_of_lambda", "rerun", "A function is reached only through a default argument of a lambda.", """
def double(x):
    return x * 2

apply = lambda x, f=double: f(x)

def step():
    return apply(4)
""", ("x * 2", "x * 3")),
    change("helper_passed_to_map", "rerun", "A function passed to map in a comprehension.", """
import tax

def step():
    return [list(map(tax.tax, row)) for row in ([1], [2, 3])]
""" + TAX[0], TAX[1]),
    change("helper_assigned_to_local", "rerun", "A module bound to a local name.", """
import tax

def step():
    t = tax
    return t.tax(3)
""" + TAX[0], TAX[1]),
    change("helper_conditional_expression", "rerun", "One of two functions by a conditional expression.", """
from tax import tax

def none(price):
    return 0

def step():
    return (none if RATE else tax)(3)

RATE = 1
""" + TAX[0], ("return 0", "return 1")),
    change("helper_submodule_imported_elsewhere", "rerun", "`import shop` suffices as another module imports shop.taxes.", """
import shop
import other

def step():
    return shop.taxes.tax(3)
== other.py
import shop.taxes
== shop/__init__.py
== shop/taxes.py
def tax(price):
    return price * 2
""", ("price * 2", "price * 3")),
    change("helper_attribute_of_imported_module", "rerun", "A constant of a module two attributes away.", """
import shop

def step():
    return 3 * shop.config.RATE
== shop/__init__.py
from . import config
== shop/config.py
RATE = 2
""", ("RATE = 2", "RATE = 3")),
    change("helper_inside_try_import", "rerun", "An import inside try within the function.", """
def step():
    try:
        import tax_of_nobody as tax
    except ImportError:
        import tax
    return tax.tax(3)
""" + TAX[0], TAX[1]),
    change("helper_global_import", "rerun", "A function imports a module into a global name.", """
tax = None

def load():
    global tax
    import tax

def step():
    load()
    return tax.tax(3)
""" + TAX[0], TAX[1]),
    change("helper_conditional_function", "rerun", "A function defined in the branch that is taken.", """
import sys

if sys.maxsize > 2:
    def size():
        return 1
else:
    def size():
        return 2

def step():
    return size()
""", ("return 1", "return 3")),
    change("helper_conditional_function_other_branch", "skip", "The function in the branch not taken changes.", """
import sys

if sys.maxsize > 2:
    def size():
        return 1
else:
    def size():
        return 2

def step():
    return size()
""", ("return 2", "return 3"), category="unrelated"),
]
