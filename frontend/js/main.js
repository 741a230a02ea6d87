import './components/app.js';
import { session } from './models/session.js';

session.load();
