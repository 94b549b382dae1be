// The bar above the editors: log in, see who is logged in, log out. Its HTML comes with the page.

export function showSession(session) {
  const [form, who, email, logout, problem] = ['login', 'who', 'email', 'logout', 'problem'].map((id) =>
    document.getElementById(`session-${id}`),
  );

  function show(reason = '') {
    form.hidden = session.email !== null;
    who.hidden = session.email === null;
    email.textContent = session.email ?? '';
    problem.textContent = reason;
  }

  session.addEventListener('change', ({ detail }) => show(detail.reason));
  logout.addEventListener('click', async () => {
    await session.logout();
    form.elements.email.focus();
  });
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    const { email: name, password, submit } = form.elements;
    submit.disabled = true;
    problem.textContent = '';
    try {
      await session.login(name.value.trim(), password.value);
      logout.focus();
    } catch (error) {
      show(error.message);
      password.focus();
    } finally {
      password.value = '';
      submit.disabled = false;
    }
  });
  show();
}
